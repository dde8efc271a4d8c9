// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "lbd/frame/frame.hpp"

namespace culvert::lbd {

/// A frame in the form in which the program can be given it.
struct Whole {
    Bytes frame;
    std::size_t missing = 0;  ///< bytes cut off the IP packet, as the program accepts no frame of that length
    bool operator==(const Whole&) const = default;
};

/// A frame of `length` bytes of which the front is known; the rest is zero. If it is longer than `longest`, the IP
/// packet is shortened, and its lengths (IPv4, IPv6, UDP) and checksum (IPv4) are corrected, unless they were wrong
/// before. Nothing if the balancer would look at unknown bytes: headers, or the quotation in an ICMP error.
[[nodiscard]] std::optional<Whole> as_whole(std::span<const std::uint8_t> front, std::size_t length,
                                            std::size_t longest);

}  // namespace culvert::lbd
