// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "lbd/render/routing.hpp"
#include "lbd/render/vips.hpp"

namespace culvert::lbd {
namespace {

/// VRRP carries one family in a group.
tl::expected<std::string, std::string> instance(const Metrics& vips, const Member& member, Family family) {
    std::string addresses;
    for (const auto& [vip, metric] : vips) {
        if (!vip.prefix.is_host())
            return tl::unexpected(
                fmt::format("VIP {} is a network, and VRRP only has addresses: announce it by BGP, or "
                            "write announce: no for its services",
                            vip.to_string()));
        addresses += fmt::format("    {} dev {}\n", vip.prefix.to_string(), member.interface);
    }
    return fmt::format(R"(
vrrp_instance culvert{} {{
  state BACKUP
  interface {}
  virtual_router_id {}
  priority {}
  advert_int 0.1
  virtual_ipaddress {{
{}  }}
  track_script {{
    culvert
  }}
}}
)",
                       family == Family::ipv4 ? '4' : '6', member.interface, member.group, member.priority, addresses);
}

}  // namespace

tl::expected<std::string, std::string> render_keepalived(const Config& config, const Member& member) {
    const auto vips = announced_vips(config);
    if (!vips) return tl::unexpected(vips.error());
    std::string text = fmt::format(
        R"(# The VIPs are on the balancer that lbd declares ready, and of two on the one with the higher priority.
global_defs {{
  vrrp_version 3
  script_user root
  enable_script_security
}}

vrrp_script culvert {{
  script "{}"
  interval 1
  timeout 3
  fall 1
  rise 1
}}
)",
        member.ready);
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const Metrics some = of_family(*vips, family);
        if (some.empty()) continue;
        const auto one = instance(some, member, family);
        if (!one) return one;
        text += *one;
    }
    return text;
}

}  // namespace culvert::lbd
