// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/netns/harness/host.hpp"

namespace culvert::netns {

/// A finished capture: a pcap file in a host's /run. Packets are counted in this process. tcpdump makes lines of them,
/// if there are any. tshark takes about a second to start, and ten on an emulated processor.
class Packets {
  public:
    Packets(const Host& host, std::string path) : host_(host), path_(std::move(path)) {}

    /// tcpdump's lines (-n -v -e) of the packets that a pcap filter matches.
    [[nodiscard]] std::vector<std::string> lines(const std::string& filter = {}) const;
    [[nodiscard]] std::size_t count(const std::string& filter = {}) const;

    /// For each packet that matches a display filter, the values of tshark's fields; several values of one field
    /// (outer, inner) are separated by commas. `decode_as`: "udp.port==5080,gue".
    [[nodiscard]] std::vector<std::vector<std::string>> fields(const std::vector<std::string>& names,
                                                               std::string_view filter = {},
                                                               const std::vector<std::string>& decode_as = {}) const;
    /// The faults that tshark finds, a line a packet: malformed, or a bad IPv4, TCP, UDP or ICMP checksum anywhere.
    [[nodiscard]] std::vector<std::string> complaints(const std::vector<std::string>& decode_as = {}) const;

    /// The content of the pcap file, for other readers.
    [[nodiscard]] std::string bytes() const { return host_.read(path_); }

  private:
    const Host& host_;
    std::string path_;
};

/// Captures on a device of a host, by libpcap in a thread of this process. It captures when the constructor returns.
class Capture {
  public:
    Capture(const Host& host, const std::string& device, const std::string& filter = {});
    ~Capture();

    /// Ends the capture after the packets under way have been captured.
    [[nodiscard]] Packets stop();

  private:
    class Reader;

    const Host& host_;
    std::string path_;
    std::unique_ptr<Reader> reader_;
};

}  // namespace culvert::netns
