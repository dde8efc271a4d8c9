// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "lbd/render/routing.hpp"
#include "lbd/render/speaker.hpp"
#include "lbd/render/vips.hpp"

namespace culvert::lbd {
namespace {

struct Words {
    const char* digit;
    const char* list;   ///< in prefix lists
    const char* match;  ///< in route maps
};

Words words_for(Family family) { return family == Family::ipv4 ? Words{"4", "ip", "ip"} : Words{"6", "ipv6", "ipv6"}; }

/// Which of the kernel's routes are VIPs, and which of them are the last resort. FRR cannot tell by protocol or metric.
std::string route_map(const Metrics& vips, Family family) {
    const Words words = words_for(family);
    std::string text = "!\n";
    bool has_last = false;
    int number = 0;
    for (const auto& [vip, metric] : vips) {
        const bool is_last = metric > usual_metric;
        has_last = has_last || is_last;
        text += fmt::format("{} prefix-list culvert{}{} seq {} permit {}\n", words.list, words.digit,
                            is_last ? "-last" : "", number += 5, vip.prefix.to_string());
    }
    text += "!\n";
    if (has_last)
        text += fmt::format(R"(route-map culvert{0} permit 10
 match {1} address prefix-list culvert{0}-last
 set community graceful-shutdown
!
)",
                            words.digit, words.match);
    return text + fmt::format(R"(route-map culvert{0} permit 20
 match {1} address prefix-list culvert{0}
!
)",
                              words.digit, words.match);
}

std::string neighbor(const Router& router) {
    return fmt::format(R"( neighbor {0} remote-as {1}
 neighbor {0} bfd profile culvert
 neighbor {0} timers 3 9
 neighbor {0} timers connect 2
 neighbor {0} advertisement-interval 0
)",
                       router.address.to_string(), router.as);
}

std::string address_family(const Speaker& speaker, Family family) {
    const Words words = words_for(family);
    std::string text =
        fmt::format(" !\n address-family ipv{0} unicast\n  redistribute kernel route-map culvert{0}\n", words.digit);
    for (const Router& router : speaker.routers)
        if (router.address.family() == family)
            text += fmt::format("  neighbor {0} activate\n  neighbor {0} route-map culvert-nothing in\n",
                                router.address.to_string());
    return text + " exit-address-family\n";
}

}  // namespace

tl::expected<std::string, std::string> render_frr(const Config& config, const Speaker& speaker) {
    const auto vips = announced_vips(config);
    if (!vips) return tl::unexpected(vips.error());
    if (config.announce->table != Announce::main_table)
        return tl::unexpected(
            std::string("FRR takes IPv6 routes of others from the main table only: announce: {table: main}"));
    if (auto missing = missing_router(*vips, speaker)) return tl::unexpected(*std::move(missing));
    std::string text =
        R"(! FRR announces the VIPs whose routes lbd keeps in the kernel. Render it anew when VIPs or metrics change.
! /etc/frr/daemons needs bgpd=yes and bfdd=yes.
frr defaults traditional
)";
    std::string bgp;
    for (const Router& router : speaker.routers) bgp += neighbor(router);
    for (const Family family : families_of(speaker)) {
        text += route_map(of_family(*vips, family), family);
        bgp += address_family(speaker, family);
    }
    return text + fmt::format(R"(route-map culvert-nothing deny 10
!
bfd
 profile culvert
  detect-multiplier 3
  receive-interval 100
  transmit-interval 100
 exit
exit
!
router bgp {}
 bgp router-id {}
 no bgp ebgp-requires-policy
 no bgp default ipv4-unicast
{}exit
!
)",
                              speaker.as, speaker.id.to_string(), bgp);
}

}  // namespace culvert::lbd
