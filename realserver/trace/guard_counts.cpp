// SPDX-License-Identifier: Apache-2.0
#include "realserver/trace/guard_counts.hpp"

#include <algorithm>
#include <utility>

namespace culvert::realserver {

std::vector<Reason> candidates(const Packet& packet, const Config& config) {
    if (packet.unwrapped) {
        if (any_contains(config.vips, packet.flow.destination)) return {bad_source, nested};
        return {no_vip, bad_source, nested};
    }
    if (packet.encap.empty()) return {};
    const Flow& outermost = packet.outer ? *packet.outer : packet.flow;
    if (any_contains(config.balancers, outermost.source)) return {bad_header, wrong_way, nested};
    return {stranger, wrong_way, bad_header, nested};
}

GuardCounts::GuardCounts(Read read) : read_(std::move(read)), now_(read_()) {
    for (const auto& [chain, tally] : now_) taken_[chain] = tally.packets;
}

std::optional<Reason> GuardCounts::take(const std::vector<Reason>& candidates) {
    if (candidates.empty()) return std::nullopt;
    if (const auto reason = counted(candidates)) return reason;
    now_ = read_();
    return counted(candidates);
}

std::optional<Reason> GuardCounts::counted(const std::vector<Reason>& candidates) {
    for (const Reason& reason : candidates) {
        const auto tally = now_.find(std::string(reason.chain));
        if (tally == now_.end()) continue;
        std::uint64_t& taken = taken_[tally->first];
        taken = std::min(taken, tally->second.packets);  // the table may have been replaced
        if (taken == tally->second.packets) continue;
        ++taken;
        return reason;
    }
    return std::nullopt;
}

}  // namespace culvert::realserver
