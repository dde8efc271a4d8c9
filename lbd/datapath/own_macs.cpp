// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/own_macs.hpp"

#include <algorithm>
#include <cstring>

namespace culvert::lbd {
namespace {

std::uint64_t key_of(const std::uint8_t* address, std::uint32_t port) {
    std::uint32_t first = 0;
    std::uint16_t last = 0;
    std::memcpy(&first, address, sizeof first);
    std::memcpy(&last, address + sizeof first, sizeof last);
    return ::lb_mac_key(first, last, port);
}

}  // namespace

lb_macs mac_table(const OwnMacs& own, bool by_port) {
    lb_macs table{};
    for (auto& line : table.line) std::ranges::fill(line, LB_MAC_NONE);
    for (const auto& [port, mac] : own) {
        const std::uint64_t key = key_of(mac.bytes.data(), by_port ? port : 0);
        auto& line = table.line[::lb_mac_line(key)];
        const auto place = std::ranges::find_if(line, [&](__u64 one) { return one == key || one == LB_MAC_NONE; });
        if (place == std::end(line))
            table.any = 1;
        else
            *place = key;
    }
    return table;
}

bool is_own(const lb_macs& table, std::span<const std::uint8_t> frame, std::uint32_t port, bool by_port) {
    const std::uint64_t key = key_of(frame.data(), by_port ? port : 0);
    return std::ranges::count(table.line[::lb_mac_line(key)], key) > 0 || (table.any != 0 && (frame[0] & 1) == 0);
}

}  // namespace culvert::lbd
