// SPDX-License-Identifier: Apache-2.0
#include "tests/netns/harness/default_offloads.hpp"

#include <fmt/format.h>

#include <array>

namespace culvert::netns {

namespace {

/// Offloads that a veth has but no card: it passes uncut segments, and frames with the VLAN tag outside the data, to
/// its other end, where generic XDP sees them. And while it could pass uncut segments, its other end does no GRO
/// (drivers/net/veth.c, veth_skb_is_eligible_for_gro).
constexpr std::array limits_of_veth{"tso", "txvlan"};

}  // namespace

void use_default_offloads(const Host& host, const std::vector<std::string>& devices) {
    for (const std::string& device : devices) {
        host.must(fmt::format("ethtool -K {} tx on rxvlan on", device));
        for (const char* limit : limits_of_veth)
            (void)host.run(
                fmt::format("ethtool -K {} {} off", device, limit));  // with XDP at the other end it can't be turned on
    }
}

void merge_arrivals(const Host& host, const std::string& device) {
    host.ip(fmt::format("link set {} gro_max_size 65536\n", device));
    host.must(fmt::format("sh -c 'echo 2000000 > /sys/class/net/{}/gro_flush_timeout'", device));  // nanoseconds
}

}  // namespace culvert::netns
