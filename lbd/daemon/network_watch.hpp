// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/event_loop.hpp"
#include "lbd/daemon/complaint.hpp"
#include "lbd/model/log_events.hpp"
#include "lbd/reload/balancer.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Says when the balancer is to adapt to what has changed around it. What fails is tried again.
class NetworkWatch {
  public:
    /// `balancer` outlives this.
    explicit NetworkWatch(Balancer& balancer) : balancer_(balancer) {}

    [[nodiscard]] netlink::Result<> open(common::EventLoop& loop);
    /// Also looks at what the kernel tells nobody, from now on.
    void begin();

    /// There is something to read.
    void read();
    /// Ways or health are others.
    void changed();

  private:
    void update();
    void look();

    Balancer& balancer_;
    Complaint not_read_{log_event("network_not_read"), "lbd tries it again"};
    Complaint not_seen_{log_event("not_adapted"), "lbd tries it again"};
    Complaint not_adapted_{log_event("not_adapted"), "lbd tries it again"};
    common::EventLoop::Source next_read_;  // after one that failed
    common::EventLoop::Source next_update_;
    common::EventLoop::Source next_look_;
};

}  // namespace culvert::lbd
