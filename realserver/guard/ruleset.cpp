// SPDX-License-Identifier: Apache-2.0
#include "realserver/guard/ruleset.hpp"

#include <fmt/format.h>

#include <set>
#include <string>
#include <utility>
#include <variant>

#include "realserver/desired/room.hpp"
#include "realserver/guard/guard.hpp"

namespace culvert::realserver {

namespace {

using namespace netlink::nft;

/// Only for clients' packets to this host's own addresses: packets to a VIP need no change, and a source on this host
/// is no client. If the connection was tracked, conntrack would translate its answers back to the address that the
/// packet arrived at.
Rule restore_vip(const L3dsr& mark) {
    const Family family = mark.vip.family();
    return Rule{}
        .nfproto(family)
        .dscp(family, mark.dscp)
        .daddr_not_in(family, family_set("vips", family))
        .fib_daddr_local()
        .fib_saddr_not_local()
        .counter()
        .set_daddr(mark.vip)
        .notrack()
        .with_comment(fmt::format("dscp {} -> {}", mark.dscp, mark.vip.to_string()));
}

/// conntrack doesn't see the requests, so it would call the answers invalid, or fill its table with them.
Rule leave_untracked(const IpAddress& vip) { return Rule{}.nfproto(vip.family()).saddr(Prefix::host(vip)).notrack(); }

void add_l3dsr(const Desired& desired, Table& table) {
    Chain requests{Hook{HookPoint::prerouting, priority_raw}};
    Chain answers{Hook{HookPoint::output, priority_raw}};
    bool only_l3dsr = desired.decap.empty();
    std::set<IpAddress> vips;
    for (const Receive& receive : desired.by_kernel) {
        const auto* mark = std::get_if<L3dsr>(&receive);
        only_l3dsr = only_l3dsr && mark != nullptr;
        if (mark == nullptr) continue;
        requests.rules.push_back(restore_vip(*mark));
        if (vips.insert(mark->vip).second) answers.rules.push_back(leave_untracked(mark->vip));
    }
    if (requests.rules.empty()) return;
    table.chains.emplace("l3dsr", std::move(requests));
    // Packets from a tunnel are tracked, so their answers must be, too.
    if (only_l3dsr) table.chains.emplace("l3dsr_answers", std::move(answers));
}

/// Sets the MSS in packets from VIPs that open or accept a connection, both own and forwarded ones (a container may
/// answer). It runs after source NAT: answers to a packet that REDIRECT or DNAT has translated have the VIP as their
/// source only there. It works for every encapsulation. Route metrics don't, as answers may take any route.
void add_clamp(const Desired& desired, Table& table) {
    Chain chain{Hook{HookPoint::postrouting, priority_srcnat + 10}};
    for (const Family family : both_families)
        if (const auto size = clamp(desired, family))
            chain.rules.push_back(Rule{}
                                      .nfproto(family)
                                      .saddr_in(family, family_set("vips", family))
                                      .tcp_syn()
                                      .set_mss(*size)
                                      .with_comment(fmt::format("mss {} over {}", *size, netlink::name(family))));
    if (!chain.rules.empty()) table.chains.emplace("mss", std::move(chain));
}

}  // namespace

std::optional<Table> ruleset(const Desired& desired) {
    Table table{.name = std::string(table_name)};
    add_guard(desired, table);
    add_l3dsr(desired, table);
    add_clamp(desired, table);
    if (table.chains.empty()) return std::nullopt;
    for (const Family family : both_families)
        table.sets[family_set("vips", family)] = Set::of(family, desired.config.vips);
    return table;
}

}  // namespace culvert::realserver
