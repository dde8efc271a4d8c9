// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "common/event_loop.hpp"
#include "lbd/cluster/mesh.hpp"
#include "lbd/daemon/complaint.hpp"
#include "lbd/model/log_events.hpp"
#include "lbd/reload/balancer.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Shares connections with the other balancers of the cluster.
class Sharer {
  public:
    /// `balancer` must outlive this.
    explicit Sharer(Balancer& balancer) : balancer_(balancer) {}

    /// `loop`: while it runs alone, the maps may be in the middle of a change.
    [[nodiscard]] netlink::Result<> open(common::EventLoop& loop);
    /// For the mesh.
    [[nodiscard]] MeshCalls calls();
    /// `joins`: this balancer has forwarded nothing until now. `joined` is called once: when all that the others know
    /// is known here, or lbd waits for them no longer. At once, if there are no others.
    void begin(bool joins, std::function<void()> joined);

  private:
    void take_in();
    void tell();
    void have_joined();

    Balancer& balancer_;
    const common::EventLoop* loop_ = nullptr;  // set by open()
    std::function<void()> joined_;             // until it is called
    Complaint not_taken_in_{log_event("not_exchanged"), "connections of other balancers are not all known here"};
    Complaint not_told_{log_event("not_exchanged"), "other balancers do not know all connections"};
    common::EventLoop::Source taking_in_;
    common::EventLoop::Source telling_;
};

}  // namespace culvert::lbd
