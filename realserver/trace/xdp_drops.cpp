// SPDX-License-Identifier: Apache-2.0
#include "realserver/trace/xdp_drops.hpp"

#include <fmt/format.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <utility>

#include <nlohmann/json.hpp>

#include "bpf/decap_abi.h"
#include "common/terminal.hpp"
#include "netlink/links.hpp"
#include "realserver/trace/drop_explanation.hpp"

namespace culvert::realserver {

namespace {

using common::Color;
using common::paint;
using netlink::Result;

Explanation explain(std::string_view reason) {
    struct Meaning {
        std::string_view reason;
        std::string_view cause;
    };
    static constexpr std::array meanings{
#define DECAP_REASON(identifier, name, text) Meaning{name, text},
        DECAP_REASONS(DECAP_REASON)
#undef DECAP_REASON
    };
    Explanation result;
    for (const Meaning& meaning : meanings)
        if (meaning.reason == reason) result.cause = meaning.cause;
    if (reason == "source") result.cure = "if it is a balancer: add it to balancers, then realserver apply";
    if (reason == "no_vip") result.cure = "if it is a VIP: add it to vips, then realserver apply";
    if (reason == "fragment")
        result.cure = "make room for the tunnel on the path, or write mtu: into the configuration";
    return result;
}

}  // namespace

std::vector<XdpDrops> newly_dropped(const std::string& device, const DecapCounters& now, DecapCounters& before) {
    std::vector<XdpDrops> result;
    for (const auto& [reason, packets] : now.dropped) {
        const auto known = std::ranges::find(before.dropped, reason, &DecapCounters::Reason::name);
        const std::uint64_t then = known == before.dropped.end() ? 0 : known->packets;
        // Fewer than before: the program was replaced, and its counters began at 0.
        if (packets != then) result.push_back({device, reason, packets < then ? packets : packets - then});
    }
    std::erase_if(result, [](const XdpDrops& drops) { return drops.packets == 0; });
    before = now;
    return result;
}

Result<XdpCounts> XdpCounts::open(std::uint64_t cookie) {
    TRY(auto route, netlink::Socket::open(NETLINK_ROUTE));
    XdpCounts counts(std::move(route), cookie);
    (void)counts.take();
    return counts;
}

std::vector<XdpDrops> XdpCounts::take() {
    std::vector<XdpDrops> result;
    const auto links = netlink::Links(route_).dump();
    if (!links) return result;  // try again at the next call
    for (const netlink::Link& link : *links) {
        if (!link.xdp) continue;
        const auto counters = programs_.counters(link.index);
        if (counters)
            std::ranges::move(newly_dropped(link.name, *counters, before_[link.index]), std::back_inserter(result));
    }
    return result;
}

std::string to_text(const XdpDrops& drops, std::string_view time, bool colored) {
    const Explanation explanation = explain(drops.reason);
    std::string why = fmt::format("{} in XDP: {}", paint(drops.reason, Color::red, colored), explanation.cause);
    if (!explanation.cure.empty()) why += "\n    cure: " + paint(explanation.cure, Color::green, colored);
    return fmt::format("{} {} {} tunnel packets, which XDP only counts\n    {}\n", time,
                       paint(drops.device, Color::bold, colored), drops.packets, why);
}

nlohmann::ordered_json to_json(const XdpDrops& drops, std::string_view time) {
    const Explanation explanation = explain(drops.reason);
    return {{"time", time},           {"device", drops.device},     {"packets", drops.packets},
            {"reason", drops.reason}, {"cause", explanation.cause}, {"cure", explanation.cure}};
}

}  // namespace culvert::realserver
