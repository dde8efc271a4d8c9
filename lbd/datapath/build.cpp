// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/build.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>
#include <utility>
#include <variant>

#include "lbd/datapath/flow_clock.hpp"

namespace culvert::lbd {
namespace {

struct Switch {
    lb_config& config;

    void operator()(const L2&) const { config.l2 = 1; }
    void operator()(const L3dsr&) const { config.l3dsr = 1; }
    template <typename Tunnel>
    void operator()(const Tunnel&) const {
        config.encap = 1;
    }
};

}  // namespace

bool Build::operator==(const Build& other) const {
    static_assert(std::has_unique_object_representations_v<lb_config>);
    return std::memcmp(&config, &other.config, sizeof config) == 0 && limits == other.limits;
}

Build build_for(const Config& config, const Surroundings& around, const Limits& limits) {
    constexpr std::uint32_t icmp_errors_a_second = 1000;  // as Linux' net.ipv4.icmp_msgs_per_sec
    lb_config result{};
    result.bucket_mask = static_cast<std::uint32_t>(config.flows.entries / LB_FLOW_WAYS - 1);
    result.time_shift = FlowClock(kernel_hz()).shift();
    result.vip4_mask = limits.vips4 - 1;
    result.vip6_mask = limits.vips6 - 1;
    result.icmp_shift = std::bit_width(kernel_hz());  // one second to two
    result.icmp_rate = icmp_errors_a_second;
    if (around.own4) std::memcpy(&result.own4_be, around.own4->bytes().data(), sizeof result.own4_be);
    if (around.own6) std::memcpy(&result.own6_be, around.own6->bytes().data(), sizeof result.own6_be);
    result.vlan = around.vlans;
    for (const Service& service : config.services) {
        (service.vip.family() == Family::ipv4 ? result.ipv4 : result.ipv6) = 1;
        if (!service.vip.prefix.is_host()) result.prefixes = 1;
        if (service.sticky) result.sticky = 1;
        for (const PortSpec& port : service.ports)
            if (port.port == 0) result.all_ports = 1;
        for (const Backend& backend : service.backends) std::visit(Switch{result}, backend.encap);
    }
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
