// SPDX-License-Identifier: Apache-2.0
#include "lbd/announce/plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace culvert::lbd {
namespace {

/// Of a VIP, from its services.
Condition condition_of(const std::vector<Announcement::Part>& parts, AnnounceWhen when) {
    const auto is = [](Condition condition) {
        return [condition](const Announcement::Part& part) { return part.condition == condition; };
    };
    // The condition that decides alone, and the one that holds if no service decides.
    const bool any = when == AnnounceWhen::any;
    const Condition alone = any ? Condition::up : Condition::down;
    if (std::ranges::any_of(parts, is(alone))) return alone;
    if (std::ranges::any_of(parts, is(Condition::unknown))) return Condition::unknown;
    return any ? Condition::down : Condition::up;
}

/// "dns, web: no backend takes new flows", "lbd leave"
std::string why_not(const std::vector<Announcement::Part>& parts, AnnounceState state) {
    if (state != AnnounceState::down) return std::string(words_of(state).text);
    std::vector<std::string_view> down;
    for (const auto& part : parts)
        if (part.condition == Condition::down) down.emplace_back(part.service);
    return fmt::format("{}: too few backends take new flows", fmt::join(down, ", "));
}

}  // namespace

void AnnouncePlan::adopt(const std::set<Vip>& announced, Time now) {
    for (const Vip& vip : announced)
        known_[vip] = {.state = AnnounceState::up, .since = now, .up_since = {}, .due = {}, .parts = {}};
}

void AnnouncePlan::decide(Known& known, const Announce& how, bool wanted, const AnnounceWish& wish, Time now) const {
    const Condition condition = condition_of(known.parts, how.when);
    if (condition != Condition::up)
        known.up_since.reset();
    else if (!known.up_since)
        known.up_since = now;
    const bool is_announced = known.state == AnnounceState::up;
    known.due.reset();
    const AnnounceState state = [&] {
        if (!wanted) return AnnounceState::excluded;
        if (wish.left) return AnnounceState::left;
        if (condition == Condition::down) return AnnounceState::down;
        if (is_announced) return AnnounceState::up;
        if (condition == Condition::unknown) return AnnounceState::unchecked;
        if (now - *known.up_since < how.hold) {
            known.due = *known.up_since + how.hold;
            return AnnounceState::held;
        }
        return wish.joined ? AnnounceState::up : AnnounceState::joining;
    }();
    if (std::exchange(known.state, state) != state) known.since = now;
}

void AnnouncePlan::follow(const Config& config, const Standings& standings, const AnnounceWish& wish, Time now) {
    order_.clear();
    changes_.clear();
    std::map<Vip, Known> before = std::exchange(known_, {});
    std::map<Vip, bool> wanted;
    if (config.announce)
        for (const Service& service : config.services) {
            const auto [it, is_new] = known_.try_emplace(service.vip);
            Known& known = it->second;
            if (is_new) {
                order_.push_back(service.vip);
                wanted[service.vip] = service.announce.wanted;
                if (const auto former = before.find(service.vip); former != before.end())
                    known = former->second;
                else
                    known.since = now;
                known.parts.clear();
                known.metric = service.announce.metric;
            }
            const auto standing = standings.find(service.name);
            known.parts.push_back({service.name, standing == standings.end() ? Condition::unknown : standing->second});
        }
    for (const Vip& vip : order_) {
        Known& known = known_.at(vip);
        const bool was = known.state == AnnounceState::up;
        decide(known, *config.announce, wanted.at(vip), wish, now);
        const bool is = known.state == AnnounceState::up;
        if (is && !was) changes_.push_back({vip, true, std::string(words_of(known.state).text)});
        if (was && !is) changes_.push_back({vip, false, why_not(known.parts, known.state)});
    }
    for (const auto& [vip, known] : before)
        if (known.state == AnnounceState::up && !known_.contains(vip))
            changes_.push_back({vip, false, "it has left the configuration"});
}

std::vector<Announcement> AnnouncePlan::announcements(Time now) const {
    using std::chrono::duration_cast;
    using std::chrono::milliseconds;
    std::vector<Announcement> all;
    for (const Vip& vip : order_) {
        const Known& known = known_.at(vip);
        Announcement& one = all.emplace_back(Announcement{.vip = vip,
                                                          .metric = known.metric,
                                                          .state = known.state,
                                                          .age = duration_cast<milliseconds>(now - known.since),
                                                          .wait = {},
                                                          .parts = known.parts});
        if (known.due) one.wait = duration_cast<milliseconds>(std::max(*known.due - now, Time::duration{}));
    }
    return all;
}

std::optional<AnnouncePlan::Time> AnnouncePlan::due() const {
    std::optional<Time> first;
    for (const auto& [vip, known] : known_)
        if (known.due && (!first || *known.due < *first)) first = known.due;
    return first;
}

}  // namespace culvert::lbd
