// SPDX-License-Identifier: Apache-2.0
#include "tests/netns/harness/capture.hpp"

#include <fmt/format.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace culvert::netns {

namespace {

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
    return parts;
}

void expect_success(const Arguments& arguments, const Output& output) {
    if (!output.ok()) throw std::runtime_error(fmt::format("{}: {}", arguments.front(), output.err));
}

Arguments tshark(const std::string& path, const std::vector<std::string>& decode_as) {
    Arguments arguments{"tshark", "-n", "-r", path, "-T", "fields", "-E", "separator=/t"};
    for (const auto* protocol : {"ip", "tcp", "udp"})
        arguments.insert(arguments.end(), {"-o", fmt::format("{}.check_checksum:TRUE", protocol)});
    for (const std::string& rule : decode_as) arguments.insert(arguments.end(), {"-d", rule});
    return arguments;
}

/// The kernel's buffer has as many slots as frames of this length fit into it: about two thousand.
constexpr int snap_length = 9216;
constexpr int buffer_size = 20 << 20;

using Pcap = std::unique_ptr<pcap_t, decltype(&pcap_close)>;

void set_filter(pcap_t* pcap, const std::string& filter) {
    bpf_program program{};
    if (pcap_compile(pcap, &program, filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) < 0 || pcap_setfilter(pcap, &program) < 0)
        throw std::runtime_error(fmt::format("filter {}: {}", filter, pcap_geterr(pcap)));
    pcap_freecode(&program);
}

/// In the host of the calling thread.
Pcap listening_on(const std::string& device, const std::string& filter) {
    std::array<char, PCAP_ERRBUF_SIZE> error{};
    Pcap pcap(pcap_create(device.c_str(), error.data()), pcap_close);
    if (!pcap) throw std::runtime_error(fmt::format("capture on {}: {}", device, error.data()));
    pcap_set_snaplen(pcap.get(), snap_length);
    pcap_set_promisc(pcap.get(), 1);
    pcap_set_immediate_mode(pcap.get(), 1);
    pcap_set_buffer_size(pcap.get(), buffer_size);
    if (pcap_activate(pcap.get()) < 0 || pcap_setnonblock(pcap.get(), 1, error.data()) < 0)
        throw std::runtime_error(fmt::format("capture on {}: {}{}", device, pcap_geterr(pcap.get()), error.data()));
    set_filter(pcap.get(), filter);
    return pcap;
}

constexpr Milliseconds time_for_tshark{120'000};

/// tshark's value for a wrong checksum is 0; correct and unchecked ones have other values.
constexpr std::string_view anything_wrong =
    "_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 || "
    "icmp.checksum.status == 0 || icmpv6.checksum.status == 0";

}  // namespace

std::size_t Packets::count(const std::string& filter) const {
    std::size_t packets = 0;
    host_.within([&] {
        std::array<char, PCAP_ERRBUF_SIZE> error{};
        const Pcap pcap(pcap_open_offline(path_.c_str(), error.data()), pcap_close);
        if (!pcap) throw std::runtime_error(error.data());
        set_filter(pcap.get(), filter);
        pcap_pkthdr* header = nullptr;
        const unsigned char* packet = nullptr;
        while (pcap_next_ex(pcap.get(), &header, &packet) == 1) ++packets;
    });
    return packets;
}

std::vector<std::string> Packets::lines(const std::string& filter) const {
    if (count(filter) == 0) return {};
    const Arguments arguments{"tcpdump", "-r", path_, "-n", "-v", "-e", "-tt", filter};
    const Output output = host_.run(arguments);
    expect_success(arguments, output);
    std::vector<std::string> packets;
    for (const std::string& line : split(output.out, '\n')) {
        const bool continued = !packets.empty() && (line.starts_with(' ') || line.starts_with('\t'));
        if (continued)
            packets.back() += line;
        else
            packets.push_back(line);
    }
    return packets;
}

std::vector<std::vector<std::string>> Packets::fields(const std::vector<std::string>& names, std::string_view filter,
                                                      const std::vector<std::string>& decode_as) const {
    Arguments arguments = tshark(path_, decode_as);
    if (!filter.empty()) arguments.insert(arguments.end(), {"-Y", std::string(filter)});
    for (const std::string& name : names) arguments.insert(arguments.end(), {"-e", name});
    const Output output = host_.run(arguments, {}, time_for_tshark);
    expect_success(arguments, output);
    std::vector<std::vector<std::string>> packets;
    for (const std::string& line : split(output.out, '\n')) {
        packets.push_back(split(line, '\t'));
        packets.back().resize(names.size());  // the last ones may be empty
    }
    return packets;
}

std::vector<std::string> Packets::complaints(const std::vector<std::string>& decode_as) const {
    std::vector<std::string> complaints;
    for (const auto& packet :
         fields({"frame.number", "_ws.col.Protocol", "_ws.col.Info", "_ws.expert.message"}, anything_wrong, decode_as))
        complaints.push_back(fmt::format("packet {}: {} {}: {}", packet[0], packet[1], packet[2], packet[3]));
    return complaints;
}

class Capture::Reader {
  public:
    Reader(const std::string& device, const std::string& filter, const std::string& path)
        : pcap_(listening_on(device, filter)), file_(pcap_dump_open(pcap_.get(), path.c_str()), pcap_dump_close) {
        if (!file_) throw std::runtime_error(pcap_geterr(pcap_.get()));
        thread_ = std::thread([this] { read(); });
    }
    ~Reader() {
        if (thread_.joinable()) end();
    }

    /// The thread ends when nothing is left to read.
    void end() {
        eventfd_write(stopped_.get(), 1);
        thread_.join();
        pcap_dump_flush(file_.get());
    }

    [[nodiscard]] unsigned missing() const {
        pcap_stat counted{};
        pcap_stats(pcap_.get(), &counted);
        return counted.ps_drop;
    }

  private:
    void read() {
        std::array<pollfd, 2> events{{{.fd = pcap_get_selectable_fd(pcap_.get()), .events = POLLIN, .revents = 0},
                                      {.fd = stopped_.get(), .events = POLLIN, .revents = 0}}};
        while (true) {
            poll(events.data(), events.size(), -1);
            const bool last = events[1].revents != 0;
            while (pcap_dispatch(pcap_.get(), -1, pcap_dump, reinterpret_cast<unsigned char*>(file_.get())) > 0) {
            }
            if (last) return;
        }
    }

    FileDescriptor stopped_{eventfd(0, EFD_CLOEXEC)};
    Pcap pcap_;
    std::unique_ptr<pcap_dumper_t, decltype(&pcap_dump_close)> file_;
    std::thread thread_;
};

Capture::Capture(const Host& host, const std::string& device, const std::string& filter)
    : host_(host), path_(fmt::format("/run/{}.pcap", device)) {
    host.within([&] { reader_ = std::make_unique<Reader>(device, filter, path_); });
}

Capture::~Capture() = default;

Packets Capture::stop() {
    reader_->end();
    if (const unsigned missing = reader_->missing(); missing != 0)
        throw std::runtime_error(fmt::format("{} packets are missing in {}", missing, path_));
    reader_.reset();
    return {host_, path_};
}

}  // namespace culvert::netns
