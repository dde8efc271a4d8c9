// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/model/config.hpp"
#include "lbd/model/status.hpp"
#include "lbd/model/view.hpp"
#include "lbd/reload/balancer.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// The parts of a status that are needed. The others are left out, to save time.
struct Parts {
    bool services = false;  ///< with the counters of their backends
    bool flows = false;     ///< of these backends
    bool slots = false;     ///< in transition, of which these backends are the former ones
    bool neighbours = false;
    bool interfaces = false;
    bool counters = false;  ///< of the whole balancer
    bool announcements = false;
    bool peers = false;  ///< the other balancers of the cluster
};
/// The parts that a view shows.
[[nodiscard]] Parts parts_of(View view);
inline constexpr Parts parts_of_metrics{.services = true,
                                        .flows = true,
                                        .slots = false,
                                        .neighbours = false,
                                        .interfaces = true,
                                        .counters = true,
                                        .announcements = true,
                                        .peers = true};

/// Reads the counters, the flow table, and the kernel's state of the interfaces. The rest comes from the plan and from
/// the resolver.
[[nodiscard]] netlink::Result<Status> observe(const Balancer& balancer, const Reloads& reloads, const Parts& parts);

}  // namespace culvert::lbd
