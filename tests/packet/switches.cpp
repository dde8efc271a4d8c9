// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/switches.hpp"

#include <bitset>

#include "tests/packet/balancer.hpp"

namespace culvert::packet {
namespace {

constexpr SwitchSet every = (1U << switches.size()) - 1;
constexpr std::size_t combined = 7;  // up to redirect
constexpr SwitchSet dry_run = 1U << (switches.size() - 1);

bool is_on(SwitchSet set, std::size_t i) { return (set >> i & 1) != 0; }

/// Calls a function with the number of each pair of switches, and how they are.
template <typename Function>
void for_each_pair(SwitchSet set, const Function& function) {
    for (std::size_t i = 0; i < switches.size(); ++i)
        for (std::size_t j = i + 1; j < switches.size(); ++j)
            function((i * switches.size() + j) * 4 + (is_on(set, i) ? 2 : 0) + (is_on(set, j) ? 1 : 0));
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
    std::bitset<switches.size() * switches.size() * 4> open;
    for (SwitchSet set = 0; set <= every; ++set) for_each_pair(set, [&](std::size_t pair) { open.set(pair); });
    std::vector<SwitchSet> sets;
    for (SwitchSet next = every & ~dry_run; open.any();) {
        sets.push_back(next);
        for_each_pair(next, [&](std::size_t pair) { open.reset(pair); });
        std::size_t most = 0;
        for (SwitchSet set = 0; set <= every; ++set) {
            std::size_t covered = 0;
            for_each_pair(set, [&](std::size_t pair) { covered += open[pair] ? 1 : 0; });
            if (covered <= most) continue;
            most = covered;
            next = set;
        }
    }
    return sets;
}

}  // namespace culvert::packet
