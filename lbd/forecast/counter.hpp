// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "common/event_loop.hpp"
#include "lbd/cluster/message.hpp"
#include "lbd/forecast/census.hpp"
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
    void forget(const netlink::IpAddress& peer) { asked_.erase(peer); }

  private:
    struct Asked {
        TurnoverAnswer answer;  // without counts
        Census census;
        std::uint64_t drafts = 0;  // Planner::drafts() when it was asked

        /// Whether there is anything to count.
        [[nodiscard]] bool counts() const;
    };

    void count();
    [[nodiscard]] TurnoverAnswer finished(Asked asked) const;

    Balancer& balancer_;
    std::map<netlink::IpAddress, Asked> asked_;
    netlink::IpAddress last_;  // that had its turn
    common::EventLoop::Source next_;
};

/// Counts what `turnovers` concern on this balancer.
[[nodiscard]] Census census_of(std::vector<Turnover> turnovers, const Balancer& balancer);

}  // namespace culvert::lbd
