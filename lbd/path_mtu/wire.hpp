// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "netlink/address.hpp"

/// Lengths of headers, and their fields in host order. The caller must check that the bytes are there.
namespace culvert::lbd {

inline constexpr std::size_t ip4_header = 20;  ///< bytes, without options
inline constexpr std::size_t ip6_header = 40;  ///< without extension headers

[[nodiscard]] inline std::uint16_t u16_at(std::span<const std::uint8_t> bytes, std::size_t at) {
    return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

[[nodiscard]] inline std::uint32_t u32_at(std::span<const std::uint8_t> bytes, std::size_t at) {
    return std::uint32_t{u16_at(bytes, at)} << 16 | u16_at(bytes, at + 2);
}

[[nodiscard]] inline netlink::IpAddress address4_at(std::span<const std::uint8_t> bytes, std::size_t at) {
    return *netlink::IpAddress::from_bytes(bytes.subspan(at, 4));
}

[[nodiscard]] inline netlink::IpAddress address6_at(std::span<const std::uint8_t> bytes, std::size_t at) {
    return *netlink::IpAddress::from_bytes(bytes.subspan(at, 16));
}

}  // namespace culvert::lbd
