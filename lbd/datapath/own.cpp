// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/own.hpp"

#include <linux/if_ether.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace culvert::lbd {
namespace {

using Frame = std::span<const std::uint8_t>;

std::uint64_t key_of(const std::uint8_t* address, std::uint32_t port) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, address, ETH_ALEN);
    return ::lb_mac_key(bytes, port);
}

std::uint16_t u16(Frame frame, std::size_t at) { return static_cast<std::uint16_t>(frame[at] << 8 | frame[at + 1]); }

/// Looks at up to two tags.
bool is_of_own_vlan(const lb_own& table, Frame frame) {
    for (std::size_t at = 2 * ETH_ALEN; at < 2 * ETH_ALEN + 8 && at + 4 <= frame.size(); at += 4) {
        if (u16(frame, at) != ETH_P_8021Q && u16(frame, at) != ETH_P_8021AD) break;
        const unsigned id = u16(frame, at + 2) % LB_VLANS;
        if (id != 0 && (table.vlans[id / 64] >> id % 64 & 1) == 0) return false;
    }
    return true;
}

}  // namespace

lb_own own_table(const Own& own, bool by_port) {
    lb_own table{};
    for (auto& line : table.macs) std::ranges::fill(line, LB_MAC_NONE);
    for (const auto& [port, mac] : own.macs) {
        const std::uint64_t key = key_of(mac.bytes.data(), by_port ? port : 0);
        auto& line = table.macs[mac.bytes.back()];
        const auto place = std::ranges::find_if(line, [&](__u64 one) { return one == key || one == LB_MAC_NONE; });
        if (place == std::end(line))
            table.any_mac = 1;
        else
            *place = key;
    }
    for (const unsigned id : own.vlans) table.vlans[id / 64] |= 1ULL << id % 64;
    return table;
}

Addressee addressee(const lb_own& table, Frame frame, std::uint32_t port, bool by_port) {
    const std::uint64_t key = key_of(frame.data(), by_port ? port : 0);
    const bool is_known = std::ranges::count(table.macs[frame[ETH_ALEN - 1]], key) > 0;
    const bool is_for_many = (frame[0] & 1) != 0;
    if (!is_known && is_for_many) return Addressee::all;
    if (!is_known && table.any_mac == 0) return Addressee::others;
    return is_of_own_vlan(table, frame) ? Addressee::us : Addressee::other_vlan;
}

}  // namespace culvert::lbd
