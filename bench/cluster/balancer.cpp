// SPDX-License-Identifier: Apache-2.0
#include "bench/cluster/balancer.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <utility>
#include <variant>

#include "lbd/plan/slots.hpp"

namespace culvert::bench::cluster {
namespace {

/// Slots have times in units of FlowClock, which last 4 seconds or more.
constexpr Tick unit = 4;
std::uint16_t units(Tick time) { return static_cast<std::uint16_t>(time / unit); }

const lbd::VipKey port{*netlink::Prefix::parse("192.0.2.1"), static_cast<std::uint8_t>(lbd::Protocol::tcp), 80};

}  // namespace

void Balancer::hear(const News& news, Tick now) {
    auto draft = planner_.draft({.services = news.services, .hops = news.hops, .health = news.health}, {});
    if (!draft) throw std::runtime_error(draft.error().message());
    const lbd::Present present{
        .table = [this](const lbd::TablePlace& place) { return lbd::MaglevTable(*rings_.at(place.line)); },
        .slots = [this](std::uint32_t line) { return transitions_.at(line); },
        .now = units(now)};
    for (const lbd::Edit& edit : planner_.edits(*draft, present))
        std::visit([this](const auto& one) { run(one); }, edit);
    planner_.take(*std::move(draft));
    look();
}

void Balancer::run(const lbd::WriteRing& edit) {
    std::erase_if(*tables_, [](const auto& table) { return table.second.use_count() == 1; });
    auto known = tables_->find(edit.digest);
    if (known == tables_->end()) known = tables_->emplace(edit.digest, std::make_shared<const Table>(edit.table)).first;
    rings_[edit.line] = known->second;
}

void Balancer::run(const lbd::WriteTransition& edit) { transitions_[edit.line] = edit.slots; }

void Balancer::look() {
    const lbd::Image& image = planner_.image();
    std::set<std::uint32_t> lines;
    for (const auto& [digest, table] : image.tables) lines.insert(table.line);
    std::erase_if(rings_, [&](const auto& ring) { return !lines.contains(ring.first); });
    std::erase_if(transitions_, [&](const auto& one) { return !image.transitions.contains(one.first); });

    service_ = image.vips.at(port);
    if (service_.ring_size == 0) throw std::runtime_error("there is no backend");
    table_ = rings_.at(service_.ring);
    slots_ = service_.transition != 0 ? &transitions_.at(service_.transition) : nullptr;

    const lbd::ServiceIds& ids = image.ids.at(service_name);
    backends_.assign(ids.size, 0);
    alive_.assign(alive_.size(), false);
    for (const auto& [id, name] : ids.backends) {
        const BackendIndex backend = index_of(name);
        if (ids.in_block(id)) backends_[id - ids.base] = backend;
        const auto dest = image.dests.find(id);
        if (dest == image.dests.end() || dest->second.action == LB_ACTION_NONE) continue;
        if (backend >= alive_.size()) alive_.resize(backend + 1UL);
        alive_[backend] = (dest->second.flags & LB_DEST_LEFT) == 0;
    }
}

std::optional<BackendIndex> Balancer::former(std::uint32_t tag, Tick now) {
    const std::size_t at = slot(tag);
    const std::uint16_t value = slots_->former[at];
    if (value == LB_NO_FORMER || !is_alive(backends_[value])) return std::nullopt;
    slots_->used[at] = units(now);
    return backends_[value];
}

std::size_t Balancer::moving() const {
    return slots_ == nullptr ? 0 : static_cast<std::size_t>(std::ranges::count(slots_->moving, true));
}

std::vector<std::uint32_t> Balancer::settled(const std::vector<bool>& awaited, Tick idle, Tick now) const {
    return lbd::finished(*slots_, awaited, false, lbd::Settling::alone, units(now), units(idle + unit - 1)).settled;
}

void Balancer::settle(const std::vector<std::uint32_t>& slots) {
    for (const std::uint32_t slot : slots) slots_->moving[slot] = false;
    if (moving() != 0) return;
    planner_.take(planner_.without_transitions({service_.transition}));
    look();
}

}  // namespace culvert::bench::cluster
