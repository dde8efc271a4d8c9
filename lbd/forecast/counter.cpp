// SPDX-License-Identifier: Apache-2.0
#include "lbd/forecast/counter.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "lbd/cluster/view.hpp"
#include "lbd/forecast/questions.hpp"
#include "lbd/reconcile/slot_watch.hpp"

namespace culvert::lbd {
namespace {

using namespace std::chrono_literals;

constexpr auto between_counts = 2ms;

}  // namespace

Census census_of(std::vector<Turnover> turnovers, const Balancer& balancer) {
    const ImageMaps& maps = balancer.program.datapath().maps();
    const auto table = [&maps](const TablePlace& place) {
        const auto present = maps.ring(place.line, place.size);
        return std::vector<std::uint16_t>(present.begin(), present.end());
    };
    Sample sample{.shift = balancer.flow_sweep.counted(),
                  .dests = sampled_dests(balancer.wanted.config.services, balancer.image().ids)};
    return Census(Tally(std::move(turnovers), balancer.image(), table, std::move(sample)));
}

netlink::Result<> Counter::open(common::EventLoop& loop) {
    TRY(next_, loop.timer([this] { count(); }));
    return {};
}

void Counter::ask(const netlink::IpAddress& peer, const TurnoverQuestion& question) {
    const Services& services = balancer_.wanted.config.services;
    const Health health = balancer_.checks.health_for(services);
    std::map<std::string_view, const Service*> by_name;
    for (const Service& service : services) by_name.emplace(service.name, &service);
    TurnoverAnswer answer{.number = question.number};
    for (const TurnoverQuestion::About& about : question.about)
        for (const std::string& name : about.services) {
            const auto service = by_name.find(name);
            const bool is_known = service != by_name.end() && balancer_.image().ids.contains(name);
            answer.of.push_back({.state = !is_known ? TurnoverAnswer::State::no_service
                                          : table_digest(*service->second, health) != about.table
                                              ? TurnoverAnswer::State::other_table
                                              : TurnoverAnswer::State::counted});
        }
    const bool counts =
        std::ranges::any_of(answer.of, [](const auto& of) { return of.state == TurnoverAnswer::State::counted; });
    const auto census = std::make_shared<Census>(census_of(turnovers_of(question), balancer_));
    const std::uint64_t drafts = balancer_.reconciler.planner().drafts();
    turns_.add(peer, {.next = [this, census, counts]() -> netlink::Result<bool> {
                          if (!counts) return true;
                          return census->look(balancer_.program.datapath().flows(), balancer_.exchange);
                      },
                      .answer =
                          [this, census, drafts, answer] {
                              return with_counts(answer, census->tally().counts(),
                                                 drafts != balancer_.reconciler.planner().drafts());
                          }});
    next_.arm(0ms);
}

TurnoverAnswer with_counts(TurnoverAnswer answer, const std::vector<TurnoverCount>& counts, bool is_outdated) {
    for (std::size_t i = 0; i < counts.size(); ++i) {
        TurnoverAnswer::Of& of = answer.of[i];
        if (of.state != TurnoverAnswer::State::counted) continue;
        if (is_outdated)
            of.state = TurnoverAnswer::State::other_table;
        else
            of.count = counts[i];
    }
    return answer;
}

void Counter::count() {
    if (const auto answered = turns_.next(); answered && balancer_.mesh)
        balancer_.mesh->answer(answered->first, answered->second);
    if (!turns_.empty()) next_.arm(between_counts);
}

}  // namespace culvert::lbd
