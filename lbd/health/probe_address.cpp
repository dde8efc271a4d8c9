// SPDX-License-Identifier: Apache-2.0
#include "lbd/health/probe_address.hpp"

#include <array>

#include "bpf/abi.h"

namespace culvert::lbd {
namespace {

using netlink::Family;
using netlink::IpAddress;
using netlink::Prefix;

constexpr std::array<std::uint8_t, 4> base4{240, 0, 0, 0};
constexpr std::array<std::uint8_t, 16> base6{0xfd, 'c', 'u', 'l', 'v', 'e', 'r', 't'};
constexpr std::uint32_t source = 0xfffffe;
constexpr std::uint32_t sources = 0x800000;  // the first address

/// Puts the number into the last three bytes.
template <std::size_t Size>
IpAddress numbered(std::array<std::uint8_t, Size> bytes, std::uint32_t number) {
    bytes[Size - 3] = static_cast<std::uint8_t>(number >> 16);
    bytes[Size - 2] = static_cast<std::uint8_t>(number >> 8);
    bytes[Size - 1] = static_cast<std::uint8_t>(number);
    return *IpAddress::from_bytes(bytes);
}

IpAddress numbered(Family family, std::uint32_t number) {
    return family == Family::ipv4 ? numbered(base4, number) : numbered(base6, number);
}

std::uint8_t length(Family family) { return family == Family::ipv4 ? 8 : 104; }

}  // namespace

Prefix probe_network(Family family) { return {numbered(family, 0), length(family)}; }
Prefix probe_source(Family family) { return {numbered(family, source), length(family)}; }
Prefix probe_sources(Family family) {
    return {numbered(family, sources), static_cast<std::uint8_t>(length(family) + 1)};
}
IpAddress own_source(Family family, std::uint32_t chance) { return numbered(family, chance % sources + sources); }
IpAddress probe_address(std::uint32_t dest, Family family) { return numbered(family, dest); }

std::optional<std::uint32_t> dest_of(const IpAddress& probe_address) {
    if (!probe_network(probe_address.family()).contains(probe_address)) return std::nullopt;
    const auto bytes = probe_address.bytes().last(3);
    const std::uint32_t number = std::uint32_t{bytes[0]} << 16 | std::uint32_t{bytes[1]} << 8 | bytes[2];
    return number < LB_DEST_MAX ? std::optional(number) : std::nullopt;
}

}  // namespace culvert::lbd
