// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/netns/harness/host.hpp"

namespace culvert::netns {

/// A finished capture: a pcap file in a host's /run. tcpdump reads it fast; tshark takes about a second to start, and
/// ten on an emulated processor.
class Packets {
  public:
    Packets(const Host& host, std::string path) : host_(host), path_(std::move(path)) {}

    /// tcpdump's lines (-n -v -e) of the packets that a pcap filter matches.
    [[nodiscard]] std::vector<std::string> lines(std::string_view filter = {}) const;
    [[nodiscard]] std::size_t count(std::string_view filter = {}) const { return lines(filter).size(); }

    /// For each packet that a display filter matches, the values of tshark's fields; several of one field (outer,
    /// inner) are separated by commas. `decode_as`: "udp.port==5080,gue".
    [[nodiscard]] std::vector<std::vector<std::string>> fields(const std::vector<std::string>& names,
                                                               std::string_view filter = {},
                                                               const std::vector<std::string>& decode_as = {}) const;
    /// What tshark finds wrong, a line a packet: malformed, or a bad checksum of IPv4, TCP, UDP or ICMP at any depth.
    [[nodiscard]] std::vector<std::string> complaints(const std::vector<std::string>& decode_as = {}) const;

    /// The pcap file itself, for somebody else to read.
    [[nodiscard]] std::string bytes() const { return host_.read(path_); }

  private:
    const Host& host_;
    std::string path_;
};

/// tcpdump on a device of a host. Captures when the constructor returns.
class Capture {
  public:
    Capture(const Host& host, const std::string& device, std::string_view filter = {});

    /// Ends the capture after it has seen what is on its way.
    [[nodiscard]] Packets stop();

  private:
    const Host& host_;
    std::string path_;
    Process process_;
};

}  // namespace culvert::netns
