// SPDX-License-Identifier: Apache-2.0
#include "realserver/ruleset.hpp"

#include <fmt/format.h>

#include <set>
#include <string>
#include <utility>
#include <variant>

namespace culvert::realserver {

namespace {

using namespace netlink::nft;

/// Tracked, the connection's answers would be translated back to the address that the packet came to.
Rule restore_vip(const L3dsr& mark) {
    return Rule{}
        .nfproto(mark.vip.family())
        .dscp(mark.vip.family(), mark.dscp)
        .fib_daddr_local()
        .counter()
        .set_daddr(mark.vip)
        .notrack()
        .with_comment(fmt::format("dscp {} -> {}", mark.dscp, mark.vip.to_string()));
}

/// Tracked without their requests, answers would be invalid or fill the table of connections.
Rule leave_untracked(const IpAddress& vip) { return Rule{}.nfproto(vip.family()).saddr(Prefix::host(vip)).notrack(); }

}  // namespace

std::optional<Table> ruleset(const Config& config) {
    Chain requests{Hook{HookPoint::prerouting, priority_raw}};
    Chain answers{Hook{HookPoint::output, priority_raw}};
    bool only_l3dsr = config.decap.empty();
    std::set<IpAddress> vips;
    for (const Receive& receive : config.receive) {
        const auto* mark = std::get_if<L3dsr>(&receive);
        only_l3dsr = only_l3dsr && mark != nullptr;
        if (mark == nullptr) continue;
        requests.rules.push_back(restore_vip(*mark));
        if (vips.insert(mark->vip).second) answers.rules.push_back(leave_untracked(mark->vip));
    }
    if (requests.rules.empty()) return std::nullopt;
    Table table{.name = std::string(table_name)};
    table.chains.emplace("l3dsr", std::move(requests));
    // What comes by a tunnel is tracked, and so must its answers be.
    if (only_l3dsr) table.chains.emplace("l3dsr_answers", std::move(answers));
    return table;
}

}  // namespace culvert::realserver
