// SPDX-License-Identifier: Apache-2.0
#include "lbd/cluster/disagreements.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace culvert::lbd {
namespace {

constexpr auto present = "configured";

}  // namespace

void Disagreements::differs(const std::string& service, Digests digests, Clock::time_point now) {
    const auto [found, is_new] = services_.try_emplace(service);
    Service& known = found->second;
    if (is_new) known.since = now;
    if (!is_new && known.digests == digests) return;
    const bool had_both = known.digests.first != 0 && known.digests.second != 0;
    known.digests = digests;
    if (digests.first != 0 && digests.second != 0) {
        if (had_both) return;  // what is known of it stays until the peer has answered
        known.is_known = false;
        known.total = 1;
        known.found = {{.service = service, .key = "configuration", .here = "one", .there = "another"}};
        return;
    }
    const bool is_ours = digests.first != 0;
    known.is_known = true;
    known.total = 1;
    known.found = {{.service = service, .key = {}, .here = is_ours ? present : "", .there = is_ours ? "" : present}};
}

void Disagreements::compare(const OwnViews& ours, const PeerViews& theirs, Clock::time_point now) {
    std::map<std::string, Digests> differing;
    for (const auto& [name, view] : ours) {
        const Views::View* other = theirs.find(name);
        const std::uint64_t whole = other == nullptr ? 0 : other->whole;
        if (whole != view->whole) differing.emplace(name, Digests{view->whole, whole});
    }
    for (const auto& [name, view] : theirs.all())
        if (!ours.contains(name)) differing.emplace(name, Digests{0, view.whole});
    std::erase_if(services_, [&](const auto& one) { return !one.first.empty() && !differing.contains(one.first); });
    for (const auto& [name, digests] : differing) differs(name, digests, now);
}

void Disagreements::compare(const Hello& ours, const Hello& theirs, Clock::time_point now) {
    std::vector<Disagreement> found;
    const auto check = [&](const char* key, const std::string& here, const std::string& there) {
        if (here != there) found.push_back({.service = {}, .key = key, .here = here, .there = there});
    };
    check("hash key", ours.hash_key, theirs.hash_key);
    check("flow entries", std::to_string(ours.flow_entries), std::to_string(theirs.flow_entries));
    check("version of lbd", ours.version, theirs.version);
    if (found.empty()) {
        services_.erase("");
        return;
    }
    const auto [whole, is_new] = services_.try_emplace("");
    if (is_new) whole->second.since = now;
    if (whole->second.found != found) whole->second.told = false;
    whole->second.is_known = true;
    whole->second.total = found.size();
    whole->second.found = std::move(found);
}

void Disagreements::forget() {
    services_.clear();
    comparison_.reset();
}

std::optional<std::string> Disagreements::next_question(const OwnViews& ours, Clock::time_point now) {
    if (comparison_) return std::nullopt;
    for (auto& [name, service] : services_) {
        const bool both = service.digests.first != 0 && service.digests.second != 0;
        if (!both || service.asked == service.digests || now - service.since < asked_after) continue;
        const auto view = ours.find(name);
        if (view == ours.end()) continue;
        service.asked = service.digests;
        comparison_.emplace(view->second);
        return name;
    }
    return std::nullopt;
}

void Disagreements::take(const Lines& lines) {
    if (!comparison_ || comparison_->service() != lines.service) return;
    comparison_->take(lines.lines);
    if (!lines.last) return;
    comparison_->finish();
    const auto known = services_.find(lines.service);
    if (known != services_.end() && known->second.digests.second != 0 && comparison_->total() > 0) {
        Service& service = known->second;
        service.is_known = true;
        service.total = comparison_->total();
        if (service.found != comparison_->found()) service.told = false;
        service.found = comparison_->found();
    }
    comparison_.reset();
}

std::size_t Disagreements::total() const {
    std::size_t sum = 0;
    for (const auto& [name, service] : services_) sum += service.total;
    return sum;
}

std::vector<Disagreement> Disagreements::first(std::size_t most) const {
    std::vector<Disagreement> list;
    for (const auto& [name, service] : services_)
        for (const Disagreement& one : service.found) {
            if (list.size() == most) return list;
            list.push_back(one);
        }
    return list;
}

std::vector<Disagreement> Disagreements::take_warnings(Clock::time_point now) {
    std::vector<Disagreement> warnings;
    for (auto& [name, service] : services_) {
        if (service.told || !service.is_known || now - service.since < warned_after) continue;
        service.told = true;
        std::ranges::copy(service.found, std::back_inserter(warnings));
    }
    return warnings;
}

}  // namespace culvert::lbd
