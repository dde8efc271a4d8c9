// SPDX-License-Identifier: Apache-2.0
#include "lbd/capture/command.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <map>
#include <memory>
#include <optional>

#include <CLI/App.hpp>

#include "common/stop_signals.hpp"
#include "lbd/capture/directory.hpp"
#include "lbd/capture/filter.hpp"
#include "lbd/capture/pcapng.hpp"
#include "lbd/capture/tap.hpp"
#include "lbd/control/control.hpp"
#include "lbd/model/reasons.hpp"

namespace culvert::lbd {
namespace {

using netlink::failure;
using netlink::Result;
using namespace std::chrono_literals;

/// The offset from CLOCK_MONOTONIC to the time since 1970.
std::uint64_t since_1970() {
    const auto now = [](clockid_t clock) {
        timespec time{};
        ::clock_gettime(clock, &time);
        return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
    };
    return now(CLOCK_REALTIME) - now(CLOCK_MONOTONIC);
}

/// Names of the interfaces that packets arrive on or leave by, and their indices in the file.
class Interfaces {
  public:
    explicit Interfaces(const nlohmann::ordered_json& shown) {
        for (const auto& one : shown) {
            if (!one.contains("index")) continue;
            places_[one.at("index")] = static_cast<std::uint32_t>(names_.size());
            names_.push_back(one.at("name"));
        }
    }

    [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
    [[nodiscard]] std::uint32_t first() const { return places_.begin()->first; }
    [[nodiscard]] bool has(std::uint32_t ifindex) const { return places_.contains(ifindex); }
    /// Empty if unknown.
    [[nodiscard]] std::string name(std::uint32_t ifindex) const { return has(ifindex) ? names_[place(ifindex)] : ""; }
    [[nodiscard]] std::uint32_t place(std::uint32_t ifindex) const {
        const auto known = places_.find(ifindex);
        return known == places_.end() ? 0 : known->second;
    }
    [[nodiscard]] std::uint32_t place(const std::string& name, std::uint32_t otherwise) const {
        const auto known = std::ranges::find(names_, name);
        return known == names_.end() ? otherwise : static_cast<std::uint32_t>(known - names_.begin());
    }

  private:
    std::map<std::uint32_t, std::uint32_t> places_;  // by index
    std::vector<std::string> names_;
};

class Writer {
  public:
    virtual ~Writer() = default;
    virtual void write(const Captured& packet, const Decision& decision) = 0;
    virtual void write(const Lost& lost, const std::string& text) = 0;
};

class PcapngWriter : public Writer {
  public:
    PcapngWriter(std::FILE* file, const Interfaces& interfaces, std::uint32_t snap_length)
        : file_(file), interfaces_(interfaces) {
        put(pcapng::header(interfaces.names(), snap_length));
    }

    void write(const Captured& packet, const Decision& decision) override {
        const std::uint32_t came_by = interfaces_.place(packet.ifindex);
        put(pcapng::packet({.interface = came_by,
                            .time = packet.time + epoch_,
                            .bytes = packet.in,
                            .length = packet.in_length,
                            .direction = pcapng::Direction::inbound,
                            .comment = decision.text}));
        if (!packet.leaves()) return;
        put(pcapng::packet({.interface = interfaces_.place(decision.interface, came_by),
                            .time = packet.left + epoch_,
                            .bytes = packet.out,
                            .length = packet.out_length,
                            .direction = pcapng::Direction::outbound,
                            .comment = decision.text}));
    }

    /// The format has no comments without a packet, so the comment belongs to an empty one.
    void write(const Lost& lost, const std::string& text) override {
        put(pcapng::packet({.interface = interfaces_.place(interfaces_.has(lost.to) ? lost.to : lost.seen),
                            .time = lost.time + epoch_,
                            .bytes = {},
                            .length = 0,
                            .direction = pcapng::Direction::outbound,
                            .comment = text}));
    }

  private:
    void put(const std::string& bytes) { std::fwrite(bytes.data(), 1, bytes.size(), file_); }

    std::FILE* file_;
    const Interfaces& interfaces_;
    const std::uint64_t epoch_ = since_1970();
};

class LineWriter : public Writer {
  public:
    explicit LineWriter(const Interfaces& interfaces) : interfaces_(interfaces) {}

    void write(const Captured& packet, const Decision& decision) override {
        const auto headers = decode(packet.in);
        const std::uint32_t came_by = interfaces_.place(packet.ifindex);
        std::string line =
            fmt::format("{} {} {}, {} bytes: {}", clock(packet.time), interfaces_.names()[came_by],
                        headers ? headers->to_string() : "not an IP packet", packet.in_length, decision.text);
        if (packet.leaves())
            line += fmt::format(", {} bytes by {}", packet.out_length,
                                interfaces_.names()[interfaces_.place(decision.interface, came_by)]);
        fmt::print("{}\n", line);
    }

    void write(const Lost& lost, const std::string& text) override {
        fmt::print("{} {} {}\n", clock(lost.time), interfaces_.name(lost.seen), text);
    }

  private:
    /// "13:05:59.123456"
    [[nodiscard]] std::string clock(std::uint64_t monotonic) const {
        const std::uint64_t time = monotonic + epoch_;
        return fmt::format("{:%H:%M:%S}.{:06}", fmt::localtime(static_cast<std::time_t>(time / 1'000'000'000)),
                           time % 1'000'000'000 / 1000);
    }

    const Interfaces& interfaces_;
    const std::uint64_t epoch_ = since_1970();
};

struct CloseFile {
    void operator()(std::FILE* file) const {
        if (file != stdout) std::fclose(file);
    }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

Result<File> create(const std::string& path) {
    if (path == "-") return File(stdout);
    File file(std::fopen(path.c_str(), "wbe"));
    if (!file) return failure("create", path, errno);
    return file;
}

bool is_wanted(const Captured& packet, const Decision& decision, const Filter& filter, const Directory& directory,
               const CaptureOptions& options) {
    if (!options.service.empty() && decision.service != options.service) return false;
    if (!options.reason.empty() && (!packet.reason || reasons[*packet.reason].name != options.reason)) return false;
    if (packet.verdict == XDP_PASS && !options.all && !directory.is_for_vip(packet.in)) return false;
    const bool leaves = packet.leaves();
    return filter.matches(packet.in, packet.in_length) || (leaves && filter.matches(packet.out, packet.out_length));
}

/// Drivers refuse frames in batches, so nobody knows which packets were lost.
bool is_wanted(const Lost& lost, const Interfaces& interfaces, const CaptureOptions& options) {
    const bool any_packet = options.service.empty() && options.filter.empty();
    const bool any_reason = options.reason.empty() || options.reason == reasons[LB_DROP_NOT_SENT].name;
    return any_packet && any_reason && interfaces.has(lost.seen);
}

Result<> capture_packets(const Options& options, const Filter& filter, const Directory& directory,
                         const Interfaces& interfaces) {
    const CaptureOptions& asked = options.capture;
    if (interfaces.names().empty()) return failure("capture", "packets", ENODEV, "the balancer is on no interface");
    const common::StopSignals stop;
    File file;
    std::unique_ptr<Writer> writer = std::make_unique<LineWriter>(interfaces);
    if (!asked.file.empty()) {
        TRY(file, create(asked.file));
        writer = std::make_unique<PcapngWriter>(file.get(), interfaces, asked.snap_length);
    }
    std::FILE* const to = file ? file.get() : stdout;

    std::size_t written = 0;
    const auto is_done = [&] { return asked.count != 0 && written >= asked.count; };
    const auto on_packet = [&](const Captured& packet) {
        const Decision decision = directory.decide(packet);
        if (is_done() || !is_wanted(packet, decision, filter, directory, asked)) return;
        writer->write(packet, decision);
        ++written;
    };
    const auto on_loss = [&](const Lost& lost) {
        if (is_done() || !is_wanted(lost, interfaces, asked)) return;
        writer->write(lost, describe(lost, interfaces.name(lost.to)));
        written += lost.frames;
    };
    const TapTarget target{.ifindex = interfaces.first(),
                           .snap_length = asked.snap_length,
                           .only_losses = asked.reason == reasons[LB_DROP_NOT_SENT].name};
    TRY(auto tap, Tap::open(target, on_packet, on_loss));
    fmt::print(stderr, "capturing on {}\n", fmt::join(interfaces.names(), ", "));
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(asked.seconds);
    while (!is_done() && !stop.within(0ms) && (asked.seconds == 0 || std::chrono::steady_clock::now() < end)) {
        CHECK_OK(tap.poll(100ms));
        if (std::fflush(to) != 0) return failure("write", asked.file.empty() ? "packets" : asked.file, errno);
    }
    fmt::print(stderr, "{} packets{}\n", written,
               tap.lost() > 0 ? fmt::format(", {} more arrived too fast", tap.lost() / 2) : "");
    return {};
}

}  // namespace

void declare_capture(CLI::App& app, Options& options) {
    CaptureOptions& capture = options.capture;
    app.add_option("-w,--write", capture.file,
                   "Write a pcapng file; - is standard output (default: print a line for each packet)")
        ->type_name("FILE");
    app.add_option("--count", capture.count, "End after this number of packets")->type_name("N");
    app.add_option("--seconds", capture.seconds, "End after this time")
        ->type_name("SECONDS")
        ->check(CLI::Range(0.1, 86400.0));
    app.add_option("--service", capture.service, "Only packets for this service")->type_name("NAME");
    app.add_option("--reason", capture.reason, "Only packets dropped for this reason: see lbd show counters")
        ->type_name("NAME");
    app.add_flag("--all", capture.all, "Also packets that are not for a VIP");
    app.add_option("--snaplen", capture.snap_length, "Keep this number of bytes of each frame (default all)")
        ->type_name("BYTES")
        ->check(CLI::Range(64U, max_snap_length));
    app.add_option("filter", capture.filter, "A filter as for tcpdump, for packets as they arrive or as they leave")
        ->type_name("");
}

ExitCode capture(const Options& options) {
    const CaptureOptions& asked = options.capture;
    const auto filter = Filter::compile(fmt::format("{}", fmt::join(asked.filter, " ")));
    if (!filter) return complain(fmt::format("filter: {}", filter.error()));
    if (!asked.reason.empty() && std::ranges::count(reasons, asked.reason, &Reason::name) == 0)
        return complain(fmt::format("there is no reason \"{}\": see lbd show counters", asked.reason));
    if (asked.reason == reasons[LB_DROP_NOT_SENT].name && !(asked.service.empty() && asked.filter.empty()))
        return complain(
            "drivers do not tell which frames they refuse: use --reason not_sent without --service and FILTER");
    const auto shown = [&](const char* what) {
        return ask(socket_path(options), {{"command", "show"}, {"what", what}});
    };
    const auto services = shown("services"), backends = shown("backends"), links = shown("interfaces");
    for (const auto* answer : {&services, &backends, &links})
        if (!*answer) return fail(answer->error());
    const Directory directory(*services, *backends);
    if (!asked.service.empty() && !directory.has(asked.service))
        return complain(fmt::format("there is no service \"{}\": see lbd show", asked.service));
    if (const auto entered = enter_netns(options); !entered) return fail(entered.error());
    const auto captured = capture_packets(options, *filter, directory, Interfaces(*links));
    return captured ? exit_done : fail(captured.error());
}

}  // namespace culvert::lbd
