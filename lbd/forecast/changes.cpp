// SPDX-License-Identifier: Apache-2.0
#include "lbd/forecast/changes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "lbd/forecast/lines.hpp"
#include "lbd/model/successors.hpp"

namespace culvert::lbd {
namespace {

/// Adds what differs between lists of lines. Of what only one has, its first line is enough: the others belong to it.
class Differences {
  public:
    Differences(std::string of, std::vector<ConfigChange>& changes) : of_(std::move(of)), changes_(changes) {}

    void add(const std::vector<ViewLine>& before, const std::vector<ViewLine>& after) {
        auto was = before.begin();
        auto is = after.begin();
        while (was != before.end() || is != after.end()) {
            if (is == after.end() || (was != before.end() && was->key < is->key)) {
                add(was->key, was->value, "");
                ++was;
            } else if (was == before.end() || is->key < was->key) {
                add(is->key, "", is->value);
                ++is;
            } else {
                if (was->value != is->value) changes_.push_back({of_ + was->key, was->value, is->value});
                ++was, ++is;
            }
        }
    }

  private:
    void add(const std::string& key, const std::string& before, const std::string& after) {
        const auto colon = key.rfind(": ");
        if (colon != std::string::npos && alone_.contains(key.substr(0, colon))) return;
        alone_.insert(key);
        changes_.push_back({of_ + key, before, after});
    }

    std::string of_;
    std::vector<ConfigChange>& changes_;
    std::set<std::string> alone_;
};

/// What each service is afterwards, also if it gets another name.
std::map<const Service*, const Service*> matched(const Services& before, const Services& after) {
    std::map<std::string_view, const Service*> by_name;
    for (const Service& service : after) by_name.emplace(service.name, &service);
    std::map<const Service*, const Service*> matched;
    std::set<const Service*> taken;
    const auto match = [&](const Service* was, const Service* is) {
        if (!matched.contains(was) && taken.insert(is).second) matched.emplace(was, is);
    };
    for (const Service& service : before)
        if (const auto same = by_name.find(service.name); same != by_name.end()) match(&service, same->second);
    for (const auto& [former, present] : successors(before, after)) match(former, present);
    return matched;
}

}  // namespace

std::string ConfigChange::to_string() const {
    if (!before.empty() && !after.empty()) return fmt::format("~ {}: {} -> {}", what, before, after);
    return fmt::format("{} {}: {}", before.empty() ? '+' : '-', what, before.empty() ? after : before);
}

std::vector<ConfigChange> changes_between(const Config& before, const Config& after) {
    std::vector<ConfigChange> changes;
    const auto present = matched(before.services, after.services);
    std::set<const Service*> known;
    for (const Service& service : before.services) {
        const std::string of = "service " + service.name;
        const auto is = present.find(&service);
        if (is == present.end()) {
            changes.push_back({of, summary_of(service), ""});
            continue;
        }
        known.insert(is->second);
        if (service == *is->second) continue;
        if (is->second->name != service.name) changes.push_back({of + ": name", service.name, is->second->name});
        Differences(of + ": ", changes).add(lines_of(service), lines_of(*is->second));
    }
    for (const Service& service : after.services)
        if (!known.contains(&service)) changes.push_back({"service " + service.name, "", summary_of(service)});
    Differences("", changes).add(lines_of(before), lines_of(after));
    if (before.cluster.key != after.cluster.key)
        changes.push_back(
            {"cluster: key", "the one in force", "another one, which takes effect after lbd stop --detach"});
    return changes;
}

}  // namespace culvert::lbd
