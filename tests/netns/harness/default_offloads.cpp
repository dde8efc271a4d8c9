// SPDX-License-Identifier: Apache-2.0
#include "tests/netns/harness/default_offloads.hpp"

#include <fmt/format.h>

#include <array>

namespace culvert::netns {

namespace {

/// What a veth does and no card: it hands its other end, where generic XDP sees it so, segments that nobody has cut,
/// and frames whose VLAN tag is beside them. And while it could have left segments uncut, its other end leaves GRO out
/// (drivers/net/veth.c, veth_skb_is_eligible_for_gro).
constexpr std::array limits_of_veth{"tso", "txvlan"};

}  // namespace

void use_default_offloads(const Host& host, const std::vector<std::string>& devices) {
    for (const std::string& device : devices) {
        host.must(fmt::format("ethtool -K {} tx on rxvlan on", device));
        for (const char* limit : limits_of_veth)
            (void)host.run(
                fmt::format("ethtool -K {} {} off", device, limit));  // with XDP at the other end it can't be on
    }
}

void merge_arrivals(const Host& host, const std::string& device) {
    host.ip(fmt::format("link set {} gro_max_size 65536\n", device));
    host.must(fmt::format("sh -c 'echo 2000000 > /sys/class/net/{}/gro_flush_timeout'", device));  // nanoseconds
}

}  // namespace culvert::netns
