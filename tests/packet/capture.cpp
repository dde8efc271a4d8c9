// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/capture.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>

namespace culvert::packet {
namespace {

constexpr unsigned long least_severity = 0x600000;  // warnings: PI_WARN in Wireshark's epan/proto.h

class CaptureFile {
  public:
    explicit CaptureFile(const std::vector<Bytes>& frames) {
        std::ofstream file(path_, std::ios::binary);
        const auto write = [&](const auto&... words) {
            (file.write(reinterpret_cast<const char*>(&words), sizeof words), ...);
        };
        constexpr std::uint32_t magic = 0xa1b2c3d4, snap_length = 65535, ethernet = 1, zero = 0;
        constexpr std::uint16_t major = 2, minor = 4;
        write(magic, major, minor, zero, zero, snap_length, ethernet);
        for (const Bytes& frame : frames) {
            const auto length = static_cast<std::uint32_t>(frame.size());
            write(zero, zero, length, length);
            file.write(reinterpret_cast<const char*>(frame.data()), length);
        }
        if (!file.flush()) throw std::runtime_error("can't write " + path_);
    }
    ~CaptureFile() { std::filesystem::remove(path_); }
    CaptureFile(const CaptureFile&) = delete;
    CaptureFile& operator=(const CaptureFile&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_ = std::filesystem::temp_directory_path() / fmt::format("culvert-{}.pcap", getpid());
};

std::string output_of(const std::string& command) {
    std::string output;
    FILE* pipe = popen(command.c_str(), "r");
    if (!pipe) throw std::runtime_error("can't run " + command);
    std::array<char, 65536> buffer{};
    while (const std::size_t count = fread(buffer.data(), 1, buffer.size(), pipe)) output.append(buffer.data(), count);
    if (pclose(pipe) != 0) throw std::runtime_error("failed: " + command);
    return output;
}

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
    return parts;
}

/// "eth:ethertype:ip:udp:data" to "eth:ip:udp"
std::string without_filling(const std::string& protocols) {
    std::string headers;
    for (const std::string& protocol : split(protocols, ':'))
        if (protocol != "ethertype" && protocol != "data") headers += (headers.empty() ? "" : ":") + protocol;
    return headers;
}

/// Reads a line of tab-separated fields; see `command` below.
Dissection read_line(const std::string& line) {
    auto fields = split(line, '\t');
    fields.resize(6);
    Dissection dissection{.headers = without_filling(fields[0]), .faults = {}};
    const std::array layers{"IPv4", "TCP", "UDP"};
    for (std::size_t i = 0; i < layers.size(); ++i)
        for (const std::string& status : split(fields.at(1 + i), ','))
            if (status != "1" && status != "3")  // good, not present
                dissection.faults +=
                    fmt::format("{} checksum {}; ", layers.at(i), status == "0" ? "bad" : "unverified");
    for (const std::string& severity : split(fields[4], ','))
        if (std::stoul(severity) >= least_severity) dissection.faults += fields[5] + "; ";
    return dissection;
}

}  // namespace

std::vector<Dissection> dissect(const std::vector<Bytes>& frames) {
    const CaptureFile file(frames);
    const std::string command = fmt::format(
        "tshark -n -r {} -X lua_script:{}"
        " -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE"
        " -o udp.ignore_ipv6_zero_checksum:TRUE -o tcp.analyze_sequence_numbers:FALSE"
        " -d udp.port==5004,ip -d udp.port==5006,ipv6 -d udp.port==5047,gre -d udp.port==5081,ip"
        " -d udp.port==5082,ipv6 -d tcp.port==80,data -d udp.port==53,data"
        " -T fields -e frame.protocols -e ip.checksum.status -e tcp.checksum.status -e udp.checksum.status"
        " -e _ws.expert.severity -e _ws.expert.message",
        file.path(), CULVERT_GUE_DISSECTOR);
    std::vector<Dissection> dissections;
    for (const std::string& line : split(output_of(command), '\n')) dissections.push_back(read_line(line));
    if (dissections.size() != frames.size()) throw std::runtime_error("tshark did not read all frames: " + command);
    return dissections;
}

}  // namespace culvert::packet
