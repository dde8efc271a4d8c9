// SPDX-License-Identifier: Apache-2.0
#include "netlink/nftables/table.hpp"

#include <linux/if.h>

#include <algorithm>
#include <ranges>

namespace culvert::netlink::nft {

std::optional<Bytes> successor(Bytes value) {
    for (auto& byte : std::views::reverse(value))
        if (++byte != 0) return value;
    return std::nullopt;
}

Bytes predecessor(Bytes value) {
    for (auto& byte : std::views::reverse(value))
        if (byte-- != 0) break;
    return value;
}

std::vector<Interval> joined(std::vector<Interval> intervals) {
    std::ranges::sort(intervals);
    std::vector<Interval> result;
    for (auto& interval : intervals) {
        const auto after = result.empty() ? std::nullopt : successor(result.back().last);
        const bool apart = result.empty() || (after && interval.first > *after);
        if (apart)
            result.push_back(std::move(interval));
        else if (interval.last > result.back().last)
            result.back().last = std::move(interval.last);
    }
    return result;
}

Set Set::of(Family family, std::span<const Prefix> prefixes) {
    std::vector<Interval> intervals;
    for (const Prefix& prefix : prefixes) {
        if (prefix.address.family() != family) continue;
        const IpAddress network = prefix.network().address;
        Interval interval{{network.bytes().begin(), network.bytes().end()}, {}};
        interval.last = interval.first;
        for (std::size_t bit = prefix.length; bit < prefix.address.bits(); ++bit)
            interval.last[bit / 8] = static_cast<std::uint8_t>(interval.last[bit / 8] | 0x80 >> bit % 8);
        intervals.push_back(std::move(interval));
    }
    const bool v4 = family == Family::ipv4;
    return {.key = v4 ? KeyType::ipv4_addr : KeyType::ipv6_addr,
            .key_length = v4 ? 4U : 16U,
            .flags = NFT_SET_INTERVAL,
            .elements = joined(std::move(intervals))};
}

Set Set::of(const std::set<std::string>& names) {
    Set set{.key = KeyType::ifname, .key_length = IFNAMSIZ};
    for (const std::string& name : names) {
        Bytes key(name.begin(), name.end());
        key.resize(IFNAMSIZ);
        set.elements.push_back({key, key});
    }
    return set;
}

}  // namespace culvert::netlink::nft
