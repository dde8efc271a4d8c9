// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/event_loop.hpp"
#include "lbd/daemon/complaint.hpp"
#include "lbd/model/log_events.hpp"
#include "lbd/reload/balancer.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Sweeps the flow table, a part at a time.
class Sweeper {
  public:
    /// `balancer` must outlive this.
    explicit Sweeper(Balancer& balancer) : balancer_(balancer) {}

    [[nodiscard]] netlink::Result<> open(common::EventLoop& loop);
    void begin();

  private:
    void sweep();

    Balancer& balancer_;
    Complaint not_swept_{log_event("not_swept"), "idle flows stay"};
    common::EventLoop::Source next_;
};

}  // namespace culvert::lbd
