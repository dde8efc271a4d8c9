// SPDX-License-Identifier: Apache-2.0
#include "realserver/check/routing.hpp"

#include <fmt/format.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

namespace culvert::realserver {

namespace {

using netlink::Family;
using netlink::IpAddress;
using netlink::Prefix;
using netlink::Route;
using netlink::Rule;

constexpr int most_steps = 8;

int number(Family family) { return family == Family::ipv4 ? 4 : 6; }

std::string_view refusing_type(std::uint8_t type) {
    return type == RTN_BLACKHOLE     ? "blackhole"
           : type == RTN_UNREACHABLE ? "unreachable"
           : type == RTN_PROHIBIT    ? "prohibit"
                                     : "";
}

std::string_view refusing_action(std::uint8_t action) {
    return action == FR_ACT_BLACKHOLE     ? "blackhole"
           : action == FR_ACT_UNREACHABLE ? "unreachable"
           : action == FR_ACT_PROHIBIT    ? "prohibit"
                                          : "";
}

std::string table_name_of(std::uint32_t table) {
    return table == RT_TABLE_MAIN      ? "main"
           : table == RT_TABLE_LOCAL   ? "local"
           : table == RT_TABLE_DEFAULT ? "default"
                                       : fmt::format("{}", table);
}

std::string words(const Prefix& destination) { return destination.length == 0 ? "default" : destination.to_string(); }

/// The selector with which `ip route` and `ip rule` delete a route or a rule.
std::string words(const Route& route) {
    std::string text(refusing_type(route.type));
    if (!text.empty()) text += ' ';
    text += words(route.destination) + " table " + table_name_of(route.table);
    if (route.metric != 0) text += fmt::format(" metric {}", route.metric);
    return text;
}
std::string words(const Rule& rule) { return fmt::format("pref {} {}", rule.priority, refusing_action(rule.action)); }

bool applies(const Rule& rule, const AnswerPacket& answer) {
    if (rule.family != answer.destination.family()) return false;
    const bool matches =
        (!rule.source || rule.source->contains(answer.vip.address)) &&
        (!rule.destination || rule.destination->contains(answer.destination)) &&
        (rule.input.empty() || rule.input == "lo") && rule.output.empty() && (answer.mark & rule.mask) == rule.mark &&
        (rule.ip_protocol == 0 || rule.ip_protocol == answer.ip_protocol) &&
        (!rule.source_ports ||
         (answer.source_port >= rule.source_ports->first && answer.source_port <= rule.source_ports->last)) &&
        !rule.destination_ports &&
        (!rule.users || (answer.user >= rule.users->first && answer.user <= rule.users->last));
    return matches != rule.invert;
}

/// The route with the longest prefix that contains the destination, and the lowest metric.
const Route* best(const Routing& routing, std::uint32_t table, const IpAddress& destination) {
    const Route* found = nullptr;
    for (const Route& route : routing.routes) {
        if (route.table != table || !route.destination.contains(destination)) continue;
        if (found == nullptr || route.destination.length > found->destination.length ||
            (route.destination.length == found->destination.length && route.metric < found->metric))
            found = &route;
    }
    return found;
}

/// The rule and the route that decided about a packet; both null if none did.
struct Decision {
    const Rule* rule = nullptr;
    const Route* route = nullptr;
};

Decision decide(const Routing& routing, const AnswerPacket& answer) {
    for (const Rule& rule : routing.rules) {
        if (!applies(rule, answer)) continue;
        if (!refusing_action(rule.action).empty()) return {&rule, nullptr};
        if (rule.action != FR_ACT_TO_TBL) continue;
        const Route* route = best(routing, rule.table, answer.destination);
        if (route == nullptr || route->type == RTN_THROW) continue;
        if (rule.suppress_prefix_length && route->destination.length <= *rule.suppress_prefix_length) continue;
        return {&rule, route};
    }
    return {};
}

/// A route with a next hop object may come without hops.
bool leads_on(const Route& route) { return route.type == RTN_UNICAST; }

/// A table with a route to the destination, to which no rule leads.
std::optional<std::uint32_t> other_table(const Routing& routing, const AnswerPacket& answer) {
    const Route* found = nullptr;
    for (const Route& route : routing.routes) {
        if (route.table == RT_TABLE_LOCAL || !leads_on(route)) continue;
        const Route* decisive = best(routing, route.table, answer.destination);
        if (decisive != &route) continue;
        if (found == nullptr || route.destination.length > found->destination.length) found = &route;
    }
    return found == nullptr ? std::nullopt : std::optional(found->table);
}

class Mender {
  public:
    Mender(Routing routing, const AnswerPacket& answer) : routing_(std::move(routing)), answer_(answer) {}

    Refusal mend() {
        for (int step = 0; step < most_steps; ++step) {
            const Decision decision = decide(routing_, answer_);
            if (decision.route != nullptr && leads_on(*decision.route)) {
                result_.curable = !result_.commands.empty();
                return std::move(result_);
            }
            if (!step_on(decision)) break;
        }
        result_.commands.clear();
        return std::move(result_);
    }

  private:
    bool step_on(const Decision& decision) {
        const int family = number(answer_.destination.family());
        if (decision.route != nullptr && !refusing_type(decision.route->type).empty()) {
            result_.reasons.push_back(fmt::format("ip -{} route: {}", family, words(*decision.route)));
            result_.commands.push_back(fmt::format("ip -{} route del {}", family, words(*decision.route)));
            routing_.routes.erase(routing_.routes.begin() + (decision.route - routing_.routes.data()));
            return true;
        }
        if (decision.route != nullptr) return false;  // for example a local address
        if (decision.rule != nullptr) {
            result_.reasons.push_back(fmt::format("ip -{} rule: {}", family, words(*decision.rule)));
            result_.commands.push_back(fmt::format("ip -{} rule del {}", family, words(*decision.rule)));
            routing_.rules.erase(routing_.rules.begin() + (decision.rule - routing_.rules.data()));
            return true;
        }
        const auto table = other_table(routing_, answer_);
        if (!table) {
            result_.reasons.push_back(fmt::format("no table has a route to {}", answer_.destination.to_string()));
            return false;
        }
        result_.reasons.push_back(
            fmt::format("ip -{} route show table {}: there is a route, but no rule leads packets "
                        "from {} to that table",
                        family, table_name_of(*table), answer_.vip.to_string()));
        result_.commands.push_back(
            fmt::format("ip -{} rule add from {} lookup {}", family, answer_.vip.to_string(), table_name_of(*table)));
        Rule added;
        added.family = answer_.destination.family();
        added.table = *table;
        added.source = answer_.vip;
        routing_.rules.insert(routing_.rules.begin(), added);
        return true;
    }

    Routing routing_;
    const AnswerPacket& answer_;
    Refusal result_;
};

/// RFC 6890
bool is_private(const Prefix& prefix) {
    static const auto known = [] {
        std::vector<Prefix> prefixes;
        for (const char* text :
             {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
              "192.168.0.0/16", "224.0.0.0/3", "::/8", "fc00::/7", "fe80::/10", "ff00::/8"})
            prefixes.push_back(Prefix::parse(text).value());
        return prefixes;
    }();
    return prefix.length > 0 && std::ranges::any_of(known, [&](const Prefix& one) {
               return one.length <= prefix.length && one.contains(prefix.address);
           });
}

template <typename Condition>
std::vector<Prefix> destinations(const Routing& routing, Family family, Condition condition) {
    std::vector<Prefix> result;
    for (const Route& route : routing.routes)
        if (route.destination.address.family() == family && route.destination.length > 0 && condition(route))
            result.push_back(route.destination);
    return result;
}

}  // namespace

Refusal why_refused(Routing routing, const AnswerPacket& answer) {
    std::ranges::stable_sort(routing.rules, {}, &Rule::priority);
    return Mender(std::move(routing), answer).mend();
}

std::vector<Prefix> routed_networks(const Routing& routing, Family family) {
    return destinations(routing, family, [](const Route& route) {
        const auto by_gateway = [](const auto& hop) { return hop.gateway.has_value(); };
        return leads_on(route) && (route.hops.empty() || std::ranges::any_of(route.hops, by_gateway));
    });
}

std::vector<Prefix> refused_networks(const Routing& routing, Family family) {
    return destinations(routing, family, [](const Route& route) {
        return !refusing_type(route.type).empty() && !is_private(route.destination);
    });
}

bool has_default_route(const Routing& routing, Family family) {
    return std::ranges::any_of(routing.routes, [&](const Route& route) {
        return route.destination.address.family() == family && route.destination.length == 0 && leads_on(route);
    });
}

}  // namespace culvert::realserver
