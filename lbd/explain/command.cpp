// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include "lbd/control.hpp"
#include "lbd/explain/explain.hpp"
#include "lbd/explain/question.hpp"
#include "lbd/frame/hex.hpp"
#include "lbd/frame/pcap_file.hpp"
#include "lbd/tools.hpp"

namespace culvert::lbd {
namespace {

using Json = nlohmann::ordered_json;

/// Asks about as many at a time as a request can hold.
netlink::Result<Json> ask_about(const std::vector<Bytes>& frames, const Options& options) {
    constexpr std::size_t most_digits = 60'000;
    Json answers = Json::array();
    for (std::size_t next = 0; next < frames.size();) {
        Json request{{"command", "explain"}, {"interface", options.explain.interface}, {"frames", Json::array()}};
        std::size_t digits = 0;
        do {
            request["frames"].push_back(to_hex(frames[next]));
            digits += 2 * frames[next++].size();
        } while (next < frames.size() && digits + 2 * frames[next].size() < most_digits);
        TRY(const Json answer, ask(socket_path(options), request));
        answers.insert(answers.end(), answer.begin(), answer.end());
    }
    return answers;
}

tl::expected<std::vector<Bytes>, std::string> frames_of(const ExplainOptions& options) {
    if (!options.pcap.empty()) return read_pcap(options.pcap);
    return question(options).map([](const Question& asked) { return std::vector<Bytes>{encode(asked)}; });
}

}  // namespace

void declare_explain(CLI::App& app, Options& options) {
    ExplainOptions& explain = options.explain;
    auto* source = app.add_option("--src", explain.source, "The client")->type_name("ADDRESS:PORT");
    auto* destination = app.add_option("--dst", explain.destination, "The VIP")->type_name("ADDRESS:PORT");
    app.add_option("--proto", explain.protocol, "tcp (default), udp, sctp, or icmp: an echo request")
        ->type_name("PROTOCOL");
    app.add_option("--flags", explain.flags, "TCP flags, separated by commas (default syn)")->type_name("FLAGS");
    app.add_option("--length", explain.length, "Of the IP packet, bytes (default: its headers)")
        ->type_name("BYTES")
        ->check(CLI::Range(0, 3000));
    auto* pcap = app.add_option("--pcap", explain.pcap, "The packets of a pcap or pcapng file instead")
                     ->type_name("FILE")
                     ->excludes(source)
                     ->excludes(destination);
    source->needs(destination)->excludes(pcap);
    destination->needs(source)->excludes(pcap);
    app.add_option("--interface", explain.interface, "By which it comes (default: the first that is balanced on)")
        ->type_name("NAME");
    app.add_flag("-j,--json", options.json, "As JSON");
}

ExitCode explain(const Options& options) {
    if (options.explain.source.empty() && options.explain.pcap.empty())
        return complain("explain what? --src ADDRESS:PORT --dst ADDRESS:PORT, or --pcap FILE");
    const auto frames = frames_of(options.explain);
    if (!frames) return complain(frames.error());
    const auto answers = ask_about(*frames, options);
    if (!answers) return fail(answers.error());
    if (options.json) {
        fmt::print("{}\n", answers->dump(2));
        return exit_done;
    }
    const char* separator = "";
    for (const Json& answer : *answers) {
        fmt::print("{}{}", separator, to_story(answer, common::use_color(options.color, STDOUT_FILENO)));
        separator = "\n";
    }
    return exit_done;
}

}  // namespace culvert::lbd
