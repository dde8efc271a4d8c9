// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "bpf/abi.h"

/// What is compiled into the balancer's program or left out.
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

/// A bit for each, the first one's is the lowest.
using SwitchSet = unsigned;

[[nodiscard]] lb_config with_switches(SwitchSet set);
/// "ipv4+l2"
[[nodiscard]] std::string name_of(SwitchSet set);

/// Every set of the switches up to `redirect`, the others being on but for `dry_run`; and all on with each of those
/// others the other way.
[[nodiscard]] std::vector<SwitchSet> all_switch_sets();
/// So few that every two switches are together on, together off, and either way apart in one of them; and all on.
[[nodiscard]] std::vector<SwitchSet> few_switch_sets();

}  // namespace culvert::packet
