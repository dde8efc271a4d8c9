// SPDX-License-Identifier: Apache-2.0
#include "realserver/run/notices.hpp"

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

namespace culvert::realserver {

namespace {

/// The mode of an XDP program doesn't matter.
bool is_same(const Item& one, const Item& other) {
    const auto* first = std::get_if<Decap>(&one);
    const auto* second = std::get_if<Decap>(&other);
    if (first != nullptr && second != nullptr) return first->program == second->program;
    return one == other;
}

/// The settings that were not set.
std::set<Key> unsettled(const Repairs& repairs) {
    std::set<Key> keys;
    for (const auto& failed : repairs.failed) keys.insert(failed.change.key());
    for (const Change& change : repairs.held) keys.insert(change.key());
    for (const Change& change : repairs.premature) keys.insert(change.key());
    return keys;
}

}  // namespace

std::vector<Notice> Notices::of(const Repairs& repairs) {
    std::vector<Notice> notices;
    for (const Change& change : repairs.made) {
        hindrances_.erase(change.key());
        notices.push_back({was_so(change) ? Notice::Kind::repaired : Notice::Kind::applied, change, {}, {}});
        if (change.key().kind == Kind::table) notices.back().by = std::exchange(last_, std::nullopt);
    }
    for (const auto& [change, error] : repairs.failed) {
        std::string reason = error.message();
        const auto [known, is_new] = hindrances_.try_emplace(change.key());
        if (!is_new && known->second == reason) continue;
        known->second = reason;
        notices.push_back({was_so(change) ? Notice::Kind::not_repaired : Notice::Kind::waiting, change, reason, {}});
    }
    for (const Change& change : repairs.held)
        if (!hindrances_.contains(change.key())) notices.push_back({Notice::Kind::contested, change, {}, {}});
    remember(repairs);
    return notices;
}

bool Notices::is_hindrance(const netlink::Error& error) const {
    const std::string reason = error.message();
    const auto is_it = [&](const auto& known) { return known.second == reason; };
    return std::ranges::any_of(hindrances_, is_it) || std::ranges::count(conflicts_, reason) > 0;
}

bool Notices::was_so(const Change& change) const {
    const auto before = in_order_.find(change.key());
    return change.after && before != in_order_.end() && is_same(before->second, *change.after);
}

void Notices::remember(const Repairs& repairs) {
    const std::set<Key> wrong = unsettled(repairs);
    std::erase_if(hindrances_, [&](const auto& known) { return !wrong.contains(known.first); });
    std::erase_if(in_order_, [&](const auto& known) { return !wrong.contains(known.first); });
    for (const auto& [key, item] : repairs.found)
        if (!wrong.contains(key)) in_order_.insert_or_assign(key, item);
    conflicts_.clear();
    for (const auto& conflict : repairs.conflicts) conflicts_.push_back(conflict.message());
}

}  // namespace culvert::realserver
