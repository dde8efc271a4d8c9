// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/model/config.hpp"
#include "lbd/model/status.hpp"
#include "lbd/model/view.hpp"
#include "lbd/reload/balancer.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// What of a status is wanted: the others' time is saved.
struct Parts {
    bool services = false;  ///< with what is counted for their backends
    bool flows = false;     ///< of these
    bool neighbours = false;
    bool interfaces = false;
    bool counters = false;  ///< of the balancer as a whole
};
/// What a view shows.
[[nodiscard]] Parts parts_of(View view);
inline constexpr Parts parts_of_metrics{
    .services = true, .flows = true, .neighbours = false, .interfaces = true, .counters = true};

/// Reads the counters and the flow table, and what the kernel says of interfaces now; the rest is what was planned and
/// what the resolver knows.
[[nodiscard]] netlink::Result<Status> observe(const Balancer& balancer, const Reloads& reloads, const Parts& parts);

}  // namespace culvert::lbd
