// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/event_loop.hpp"
#include "common/slow_call.hpp"
#include "lbd/model/hops.hpp"
#include "lbd/model/services.hpp"
#include "lbd/model/surroundings.hpp"
#include "lbd/network/resolver.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// The next hops that are in force.
struct Reach {
    Resolver resolver;
    common::EventLoop::Source events;  ///< the resolver has something to read
    Hops hops;
    Surroundings around;  ///< as of the last query
};

/// Has the resolver follow the services' backends.
void follow(Resolver& resolver, const Services& services);
void forget(Resolver& resolver, const Services& services);

/// The next hops as soon as all are known, or after `patience` at the latest. `slow`: how it waits until then.
[[nodiscard]] netlink::Result<Hops> resolve(Resolver& resolver, std::chrono::milliseconds patience,
                                            const common::SlowCall& slow);

/// ENODEV if an interface does not exist, unless it is in `waited_for`.
[[nodiscard]] netlink::Result<> expect_interfaces(const Resolver& resolver, const std::vector<std::string>& waited_for);

/// Logs which next hops have changed, and which paths are too narrow. True if a next hop has changed.
bool report(const Reach& reach, const Hops& before, const Services& services);

}  // namespace culvert::lbd
