// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "lbd/frame/frame.hpp"

/// Files of captured packets. libpcap reads them, too, but no file whose interfaces differ, and none beyond its first
/// flaw.
namespace culvert::lbd {

struct CapturedFrame {
    Bytes bytes;  ///< an Ethernet frame, or the front of one; of other captures, with an Ethernet header made up
    std::size_t length = 0;  ///< of the whole frame, bytes
    std::string flaw;        ///< why nothing can be told of it; then its bytes are as captured
    bool operator==(const CapturedFrame&) const = default;
};

struct CaptureFile {
    std::vector<CapturedFrame> frames;
    std::string flaw;  ///< why there may be more that could not be read; empty: this is all
    bool operator==(const CaptureFile&) const = default;
};

/// A file in one of the formats pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng), of either byte
/// order and any resolution of time. The error says why nothing can be read, and what helps where that is known.
[[nodiscard]] tl::expected<CaptureFile, std::string> parse_capture(std::span<const std::uint8_t> file);

/// The same of a path, "-" for standard input, with the path in both errors and flaw.
[[nodiscard]] tl::expected<CaptureFile, std::string> read_capture(const std::string& path);

}  // namespace culvert::lbd
