// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/build.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>
#include <utility>

#include "lbd/datapath/flow_clock.hpp"

namespace culvert::lbd {

bool Build::operator==(const Build& other) const {
    static_assert(std::has_unique_object_representations_v<lb_config>);
    return std::memcmp(&config, &other.config, sizeof config) == 0 && limits == other.limits;
}

Build build_for(const Config& config, const Surroundings& around, const Limits& limits) {
    constexpr std::uint32_t icmp_errors_a_second = 1000;  // same as net.ipv4.icmp_msgs_per_sec of Linux
    lb_config result{};
    result.bucket_mask = static_cast<std::uint32_t>(config.flows.entries / LB_FLOW_WAYS - 1);
    result.time_shift = FlowClock(kernel_hz()).shift();
    result.vip4_mask = limits.vips4 - 1;
    result.vip6_mask = limits.vips6 - 1;
    result.icmp_shift = std::bit_width(kernel_hz());  // between one and two seconds
    result.icmp_rate = icmp_errors_a_second;
    if (around.own4) std::memcpy(&result.own4_be, around.own4->bytes().data(), sizeof result.own4_be);
    if (around.own6) std::memcpy(&result.own6_be, around.own6->bytes().data(), sizeof result.own6_be);
    result.vlan = around.vlans;
    const Services& services = config.services;
    result.ipv4 = services.have(Trait::ipv4);
    result.ipv6 = services.have(Trait::ipv6);
    result.prefixes = services.have(Trait::network);
    result.all_ports = services.have(Trait::all_ports);
    result.sticky = services.have(Trait::sticky);
    result.l2 = services.have(Trait::l2);
    result.l3dsr = services.have(Trait::l3dsr);
    result.encap = services.have(Trait::tunnel);
    result.redirect = config.interfaces.size() > 1;
    result.latency = config.latency;
    return {.config = result, .limits = limits};
}

Build keyed(Build wanted, const Build& present) {
    wanted.config.hash_final = present.config.hash_final;
    std::ranges::copy(present.config.hash_key, wanted.config.hash_key);
    return wanted;
}

Build united(Build wanted, const Build& present) {
    wanted = keyed(std::move(wanted), present);
    lb_config& config = wanted.config;
    for (const auto flag :
         {&lb_config::ipv4, &lb_config::ipv6, &lb_config::prefixes, &lb_config::all_ports, &lb_config::sticky,
          &lb_config::l3dsr, &lb_config::l2, &lb_config::encap, &lb_config::vlan, &lb_config::redirect})
        config.*flag |= present.config.*flag;
    return wanted;
}

}  // namespace culvert::lbd
