// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "lbd/frame/frame.hpp"

/// Files of captured packets. libpcap refuses files whose interfaces differ, and reads nothing behind an error.
namespace culvert::lbd {

struct CapturedFrame {
    Bytes bytes;             ///< beginning of the Ethernet frame; other link types get an Ethernet header
    std::size_t length = 0;  ///< length of the whole frame, bytes
    std::string flaw;        ///< why the packet cannot be explained; then the bytes are as captured
    bool operator==(const CapturedFrame&) const = default;
};

struct CaptureFile {
    std::vector<CapturedFrame> frames;
    std::string flaw;  ///< why the rest could not be read; empty: all was read
    bool operator==(const CaptureFile&) const = default;
};

/// Reads a pcap (draft-ietf-opsawg-pcap) or pcapng file (draft-ietf-opsawg-pcapng) of any byte order and time
/// resolution. The error says why nothing can be read, and the cure if one is known.
[[nodiscard]] tl::expected<CaptureFile, std::string> parse_capture(std::span<const std::uint8_t> file);

/// Likewise from a path, or from standard input for "-". Errors and flaws name the path.
[[nodiscard]] tl::expected<CaptureFile, std::string> read_capture(const std::string& path);

}  // namespace culvert::lbd
