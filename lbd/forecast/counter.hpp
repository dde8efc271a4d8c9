// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "common/event_loop.hpp"
#include "lbd/cluster/message.hpp"
#include "lbd/forecast/census.hpp"
#include "lbd/forecast/turns.hpp"
#include "lbd/reload/balancer.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Answers other balancers that ask how many connections a change concerns here. It counts a piece at a time, for one
/// peer after the other, so it takes little of the event loop.
class Counter {
  public:
    /// `balancer` must outlive this.
    explicit Counter(Balancer& balancer) : balancer_(balancer) {}

    [[nodiscard]] netlink::Result<> open(common::EventLoop& loop);
    /// The answer is sent when it is known. A former question of the peer is forgotten.
    void ask(const netlink::IpAddress& peer, const TurnoverQuestion& question);
    /// The connection with the peer has ended: nobody waits for its answer.
    void forget(const netlink::IpAddress& peer) { turns_.forget(peer); }

  private:
    void count();

    Balancer& balancer_;
    Turns turns_;
    common::EventLoop::Source next_;
};

/// What is answered of the services that can be counted. `is_outdated`: what was counted while the tables or the
/// meaning of entries changed is worth nothing.
[[nodiscard]] TurnoverAnswer with_counts(TurnoverAnswer answer, const std::vector<TurnoverCount>& counts,
                                         bool is_outdated);

/// Counts what `turnovers` concern on this balancer.
[[nodiscard]] Census census_of(std::vector<Turnover> turnovers, const Balancer& balancer);

}  // namespace culvert::lbd
