// SPDX-License-Identifier: Apache-2.0
#include "lbd/reload/balancer.hpp"

namespace culvert::lbd {
namespace {

/// Whether new flows reach the backend, once a check has said so.
Condition condition_of(const Service& service, const Backend& backend, const Balancer& balancer, const Health& health,
                       const CheckStatuses& checks) {
    const auto hop = balancer.reach.hops.find(backend.address);
    if (hop == balancer.reach.hops.end() || !hop->second) return Condition::down;
    if (!service.health) return Condition::up;
    if (!health_of(health, service.name, backend.name).up) return Condition::down;
    const auto ids = balancer.image().ids.find(service.name);
    const auto id = ids == balancer.image().ids.end() ? std::nullopt : ids->second.current(backend.name);
    const auto check = id ? checks.find(*id) : checks.end();
    return check == checks.end() ? Condition::unknown : check->second.condition;
}

}  // namespace

void Balancer::announce() {
    look_who_has_joined();
    Standings standings;
    if (wanted.config.announce) {
        const Health health = checks.health_for(wanted.config.services);
        const CheckStatuses statuses = checks.statuses();
        for (const Service& service : wanted.config.services)
            standings[service.name] = standing_of(service, [&](const Backend& backend) {
                return condition_of(service, backend, *this, health, statuses);
            });
    }
    announcer->follow(wanted.config, std::move(standings));
}

}  // namespace culvert::lbd
