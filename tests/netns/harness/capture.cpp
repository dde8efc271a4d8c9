// SPDX-License-Identifier: Apache-2.0
#include "tests/netns/harness/capture.hpp"

#include <fmt/format.h>

#include <sstream>
#include <stdexcept>

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

/// tcpdump's buffer has as many slots as frames of this length fit into it: about two thousand.
constexpr const char* snap_length = "9216";   // bytes
constexpr const char* buffer_size = "20480";  // KiB

constexpr Milliseconds time_for_tshark{120'000};

/// tshark's value for a wrong checksum is 0; correct and unchecked ones have other values.
constexpr std::string_view anything_wrong =
    "_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 || "
    "icmp.checksum.status == 0 || icmpv6.checksum.status == 0";

}  // namespace

std::vector<std::string> Packets::lines(std::string_view filter) const {
    const Arguments arguments{"tcpdump", "-r", path_, "-n", "-v", "-e", "-tt", std::string(filter)};
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

Capture::Capture(const Host& host, const std::string& device, std::string_view filter)
    : host_(host),
      path_(fmt::format("/run/{}.pcap", device)),
      process_(host.spawn({"tcpdump", "-i", device, "-n", "-U", "--immediate-mode", "-s", snap_length, "-B",
                           buffer_size, "-Z", "root", "-w", path_, std::string(filter)})) {
    process_.wait_for("listening on");
}

Packets Capture::stop() {
    // it sleeps after it has written all packets so far
    if (!eventually([&] { return process_.sleeping(); })) throw std::runtime_error("tcpdump does not become idle");
    const Output output = process_.stop(SIGINT);
    if (!output.ok() || output.err.find("\n0 packets dropped by kernel") == std::string::npos)
        throw std::runtime_error("tcpdump: " + output.err);
    return {host_, path_};
}

}  // namespace culvert::netns
