// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "lbd/frame/frame.hpp"

namespace culvert::lbd {

/// A frame as the balancer can be asked about it.
struct Whole {
    Bytes frame;
    std::size_t missing = 0;  ///< bytes that its IP packet is too short by, as nobody takes a frame that long
    bool operator==(const Whole&) const = default;
};

/// A frame of `length` bytes, of which the front is known; what is unknown is zero. If it is longer than `longest`, its
/// IP packet is made as much shorter, lengths (IPv4, IPv6, UDP) and checksum (IPv4) with it, unless they made no sense
/// before. Nothing if the balancer would look at bytes that are unknown: headers, or what an ICMP error quotes.
[[nodiscard]] std::optional<Whole> as_whole(std::span<const std::uint8_t> front, std::size_t length,
                                            std::size_t longest);

}  // namespace culvert::lbd
