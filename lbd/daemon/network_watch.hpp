// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/event_loop.hpp"
#include "lbd/daemon/complaint.hpp"
#include "lbd/model/log_events.hpp"
#include "lbd/reload/balancer.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Calls adapt() when the surroundings of the balancer change, and again after failures.
class NetworkWatch {
  public:
    /// `balancer` must outlive this.
    explicit NetworkWatch(Balancer& balancer) : balancer_(balancer) {}

    [[nodiscard]] netlink::Result<> open(common::EventLoop& loop);
    /// From now on, also looks for changes that cause no events.
    void begin();

    /// Call when the resolver has something to read.
    void read();
    /// Call when next hops or health have changed.
    void changed();

  private:
    void update();
    void look();

    Balancer& balancer_;
    Complaint not_read_{log_event("network_not_read"), "lbd tries again"};
    Complaint not_seen_{log_event("not_adapted"), "lbd tries again"};
    Complaint not_adapted_{log_event("not_adapted"), "lbd tries again"};
    common::EventLoop::Source next_read_;  // after a failed one
    common::EventLoop::Source next_update_;
    common::EventLoop::Source next_look_;
};

}  // namespace culvert::lbd
