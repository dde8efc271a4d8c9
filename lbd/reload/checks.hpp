// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "lbd/health/checker.hpp"
#include "lbd/model/check_status.hpp"
#include "lbd/model/health.hpp"
#include "lbd/model/ids.hpp"
#include "lbd/model/services.hpp"
#include "lbd/model/surroundings.hpp"

namespace culvert::lbd {

/// Health checks, and the health of backends before checks begin.
struct Checks {
    std::unique_ptr<HealthChecker> checker;  ///< null: no service has health checks
    Health found;                            ///< what an earlier lbd left in the maps; cleared when checks begin

    [[nodiscard]] CheckStatuses statuses() const { return checker ? checker->statuses() : CheckStatuses{}; }
    [[nodiscard]] Health health() const { return checker ? checker->health() : found; }
    [[nodiscard]] Health health_for(const Services& services) const {
        return checker ? checker->health_for(services) : found;
    }
    /// Has the backends checked as configured, from the balancer's addresses.
    void follow(const Services& services, const Ids& ids, const Surroundings& around) {
        if (!checker) return;
        checker->follow(services, ids, {.ipv4 = around.own4, .ipv6 = around.own6}, found);
        found.clear();
    }
};

}  // namespace culvert::lbd
