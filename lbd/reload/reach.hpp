// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/event_loop.hpp"
#include "lbd/model/hops.hpp"
#include "lbd/model/services.hpp"
#include "lbd/model/surroundings.hpp"
#include "lbd/network/resolver.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// The ways to backends that are in force.
struct Reach {
    Resolver resolver;
    common::EventLoop::Source events;  ///< that the resolver can read
    Hops hops;
    Surroundings around;  ///< when last asked
};

/// Has the resolver know the ways to the services' backends.
void follow(Resolver& resolver, const Services& services);
void forget(Resolver& resolver, const Services& services);

/// The ways as soon as all are known, but no later than after `patience`. Meanwhile nothing else is done.
[[nodiscard]] netlink::Result<Hops> resolve(Resolver& resolver, std::chrono::milliseconds patience);

/// ENODEV if one of the interfaces isn't there, but for those that are waited for anyway.
[[nodiscard]] netlink::Result<> expect_interfaces(const Resolver& resolver, const std::vector<std::string>& waited_for);

/// Says in the log what has changed about the way to the backends, and which paths are too narrow. True if something
/// was said of ways.
bool report(const Reach& reach, const Hops& before, const Services& services);

}  // namespace culvert::lbd
