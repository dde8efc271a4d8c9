// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/switches.hpp"

#include <set>
#include <tuple>

#include "tests/packet/balancer.hpp"

namespace culvert::packet {
namespace {

constexpr SwitchSet every = (1U << switches.size()) - 1;
constexpr std::size_t combined = 7;  // up to redirect
constexpr SwitchSet dry_run = 1U << (switches.size() - 1);

bool is_on(SwitchSet set, std::size_t i) { return (set >> i & 1) != 0; }

/// Two switches and their states.
using Pair = std::tuple<std::size_t, std::size_t, bool, bool>;

std::set<Pair> pairs_in(SwitchSet set) {
    std::set<Pair> pairs;
    for (std::size_t i = 0; i < switches.size(); ++i)
        for (std::size_t j = i + 1; j < switches.size(); ++j) pairs.emplace(i, j, is_on(set, i), is_on(set, j));
    return pairs;
}

}  // namespace

lb_config with_switches(SwitchSet set) {
    lb_config config = all_on();
    for (std::size_t i = 0; i < switches.size(); ++i) config.*switches.at(i).field = is_on(set, i);
    return config;
}

std::string name_of(SwitchSet set) {
    std::string name;
    for (std::size_t i = 0; i < switches.size(); ++i)
        if (is_on(set, i)) name += (name.empty() ? "" : "+") + std::string(switches.at(i).name);
    return name.empty() ? "none" : name;
}

std::vector<SwitchSet> all_switch_sets() {
    constexpr SwitchSet usual = every & ~dry_run;
    std::vector<SwitchSet> sets;
    for (SwitchSet set = 0; set < 1U << combined; ++set) sets.push_back(set | (usual >> combined << combined));
    for (std::size_t i = combined; i < switches.size(); ++i) sets.push_back(usual ^ 1U << i);
    return sets;
}

std::vector<SwitchSet> few_switch_sets() {
    std::set<Pair> open;
    for (SwitchSet set = 0; set <= every; ++set) open.merge(pairs_in(set));
    std::vector<SwitchSet> sets;
    for (SwitchSet next = every & ~dry_run; !open.empty();) {
        sets.push_back(next);
        for (const Pair& pair : pairs_in(next)) open.erase(pair);
        std::size_t most = 0;
        for (SwitchSet set = 0; set <= every; ++set) {
            std::size_t covered = 0;
            for (const Pair& pair : pairs_in(set)) covered += open.count(pair);
            if (covered <= most) continue;
            most = covered;
            next = set;
        }
    }
    return sets;
}

}  // namespace culvert::packet
