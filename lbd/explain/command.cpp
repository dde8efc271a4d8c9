// SPDX-License-Identifier: Apache-2.0
#include "lbd/explain/command.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <span>
#include <utility>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include "lbd/control/control.hpp"
#include "lbd/control/control_protocol.hpp"
#include "lbd/control/request.hpp"
#include "lbd/explain/explain.hpp"
#include "lbd/explain/question.hpp"
#include "lbd/frame/capture_file.hpp"
#include "lbd/frame/hex.hpp"

namespace culvert::lbd {
namespace {

using Json = nlohmann::ordered_json;

using Frames = std::vector<CapturedFrame>;

/// The daemon looks at no more bytes of a frame.
constexpr std::size_t longest_front = Fate::longest;

/// The next frames that fit into a request. Frames with a flaw are left out.
Json next_request(const Frames& frames, std::size_t& next, const std::string& interface) {
    constexpr std::size_t most_bytes = RequestLine::longest - 1024, around_frame = 64;
    Json request{{"command", "explain"}, {"interface", interface}, {"frames", Json::array()}};
    std::size_t bytes = 0;
    for (; next < frames.size() && request["frames"].size() < ExplainRequest::most_frames; ++next) {
        const auto& [frame, length, flaw] = frames[next];
        if (!flaw.empty()) break;
        const auto front = std::span(frame).first(std::min(frame.size(), longest_front));
        bytes += 2 * front.size() + around_frame;
        if (bytes > most_bytes) break;
        request["frames"].push_back({{"hex", to_hex(front)}, {"bytes", length}});
    }
    return request;
}

netlink::Result<Json> ask_about(const Frames& frames, const Options& options) {
    const std::string& interface = options.explain.interface;
    Json answers = Json::array();
    for (std::size_t next = 0; next < frames.size();) {
        if (const auto& [frame, length, flaw] = frames[next]; !flaw.empty()) {
            answers.push_back(unexplained(frame, length, interface, flaw));
            ++next;
            continue;
        }
        TRY(const Json answer, ask(socket_path(options), next_request(frames, next, interface)));
        answers.insert(answers.end(), answer.begin(), answer.end());
    }
    return answers;
}

tl::expected<CaptureFile, std::string> frames_of(const ExplainOptions& options) {
    if (!options.pcap.empty()) return read_capture(options.pcap);
    return question(options).map([](const Question& asked) {
        Bytes frame = encode(asked);
        const std::size_t length = frame.size();
        return CaptureFile{.frames = {{.bytes = std::move(frame), .length = length, .flaw = {}}}, .flaw = {}};
    });
}

ExitCode tell_flaws(const CaptureFile& file, const std::string& path) {
    if (file.frames.empty() && file.flaw.empty()) fmt::print(stderr, "lbd: {}: it contains no packets\n", path);
    if (file.flaw.empty()) return exit_done;
    fmt::print(stderr, "lbd: {}; packets before that: {}\n", file.flaw, file.frames.size());
    return exit_failed;
}

}  // namespace

void declare_explain(CLI::App& app, Options& options) {
    ExplainOptions& explain = options.explain;
    auto* source = app.add_option("--src", explain.source, "The client")->type_name("ADDRESS:PORT");
    auto* destination = app.add_option("--dst", explain.destination, "The VIP")->type_name("ADDRESS:PORT");
    app.add_option("--proto", explain.protocol, "The protocol: tcp (default), udp, sctp, or icmp for an echo request")
        ->type_name("PROTOCOL");
    app.add_option("--flags", explain.flags, "TCP flags, separated by commas (default syn)")->type_name("FLAGS");
    app.add_option("--length", explain.length, "The length of the IP packet (default: its headers)")
        ->type_name("BYTES")
        ->check(CLI::Range(0, 65'535));
    auto* pcap =
        app.add_option("--pcap", explain.pcap, "Explain the packets of a pcap or pcapng file; - is standard input")
            ->type_name("FILE")
            ->excludes(source)
            ->excludes(destination);
    source->needs(destination)->excludes(pcap);
    destination->needs(source)->excludes(pcap);
    app.add_option("--interface", explain.interface,
                   "The interface that the packet arrives on (default: the first that is balanced on)")
        ->type_name("NAME");
    app.add_flag("-j,--json", options.json, "Print JSON");
}

ExitCode explain(const Options& options) {
    if (options.explain.source.empty() && options.explain.pcap.empty())
        return complain("explain what? --src ADDRESS:PORT --dst ADDRESS:PORT, or --pcap FILE");
    const auto file = frames_of(options.explain);
    if (!file) return complain(file.error());
    const auto answers = ask_about(file->frames, options);
    if (!answers) return fail(answers.error());
    if (options.json) {
        fmt::print("{}\n", answers->dump(2));
        return tell_flaws(*file, options.explain.pcap);
    }
    const char* separator = "";
    for (const Json& answer : *answers) {
        fmt::print("{}{}", separator, to_story(answer, common::use_color(options.color, STDOUT_FILENO)));
        separator = "\n";
    }
    return tell_flaws(*file, options.explain.pcap);
}

}  // namespace culvert::lbd
