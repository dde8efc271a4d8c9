// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "bpf/abi.h"

/// Parts of the balancer's program that are compiled in or left out.
namespace culvert::packet {

struct Switch {
    const char* name;
    std::uint8_t lb_config::*field;
};
inline constexpr std::array switches{
    Switch{"ipv4", &lb_config::ipv4},
    Switch{"ipv6", &lb_config::ipv6},
    Switch{"all_ports", &lb_config::all_ports},
    Switch{"l3dsr", &lb_config::l3dsr},
    Switch{"l2", &lb_config::l2},
    Switch{"encap", &lb_config::encap},
    Switch{"redirect", &lb_config::redirect},
    Switch{"prefixes", &lb_config::prefixes},
    Switch{"sticky", &lb_config::sticky},
    Switch{"vlan", &lb_config::vlan},
    Switch{"latency", &lb_config::latency},
    Switch{"dry_run", &lb_config::dry_run},
};

/// A bit for each switch; the first switch has the lowest bit.
using SwitchSet = unsigned;

[[nodiscard]] lb_config with_switches(SwitchSet set);
/// "ipv4+l2"
[[nodiscard]] std::string name_of(SwitchSet set);

/// Every set of the switches up to `redirect`, with the others on, except `dry_run`; and all on, with each of those
/// others changed.
[[nodiscard]] std::vector<SwitchSet> all_switch_sets();
/// A few sets in which every two switches occur in all four combinations; and all on.
[[nodiscard]] std::vector<SwitchSet> few_switch_sets();

}  // namespace culvert::packet
