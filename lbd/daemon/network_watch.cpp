// SPDX-License-Identifier: Apache-2.0
#include "lbd/daemon/network_watch.hpp"

#include <chrono>

#include "lbd/reload/adapt.hpp"
#include "lbd/reload/cluster.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;
using namespace std::chrono_literals;

constexpr auto time_to_gather = 50ms;  // collects changes that come together
constexpr auto time_to_retry = 1s;     // after a failure, which may be for lack of memory
constexpr auto look_interval = 1s;     // for changes without events: see look()

}  // namespace

Result<> NetworkWatch::open(common::EventLoop& loop) {
    CHECK_OK(balancer_.follow_network());
    TRY(next_read_, loop.timer([this] {
        if (balancer_.follow_network())
            read();
        else
            next_read_.arm(time_to_retry);
    }));
    TRY(next_update_, loop.timer([this] { update(); }));
    TRY(next_look_, loop.timer([this] { look(); }));
    return {};
}

void NetworkWatch::begin() { next_look_.arm(look_interval); }

/// After a failure the descriptor is not watched, as the loop would spin.
void NetworkWatch::read() {
    const auto has_changed = balancer_.reach.resolver.read();
    not_read_.take(has_changed.map([](bool) {}));
    if (!has_changed) {
        balancer_.reach.events = {};
        next_read_.arm(time_to_retry);
    } else if (*has_changed) {
        changed();
    }
}

void NetworkWatch::changed() { next_update_.arm(time_to_gather); }

void NetworkWatch::update() {
    const auto adapted = adapt(balancer_);
    not_adapted_.take(adapted);
    tell_peers(balancer_);
    if (!adapted) next_update_.arm(time_to_retry);
}

/// No event tells of detached programs, of IPv6 MTUs, or that a driver can do less than before.
void NetworkWatch::look() {
    next_look_.arm(look_interval);
    if (balancer_.reach.resolver.look()) changed();
    not_seen_.take(follow_interfaces(balancer_));
    balancer_.look_who_has_joined();
}

}  // namespace culvert::lbd
