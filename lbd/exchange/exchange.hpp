// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

#include "lbd/exchange/incoming.hpp"
#include "lbd/exchange/outgoing.hpp"
#include "lbd/model/exceptions.hpp"
#include "lbd/reconcile/reconciler.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Connections that are not where the Maglev table says, told to other balancers and taken from them.
class Exchange {
  public:
    using Clock = std::chrono::steady_clock;

    /// `joins`: see Incoming::slots().
    void join(bool joins) { joins_ = joins; }
    void take(Exceptions exceptions) { incoming_.take(std::move(exceptions)); }
    /// The number of messages that were taken, and not taken in yet.
    [[nodiscard]] std::size_t waiting() const { return incoming_.waiting(); }
    void forget_peers() { outgoing_.forget_peers(); }
    /// Whether only another balancer has seen the flow: see KnownFlows::is_heard().
    [[nodiscard]] bool is_heard(const FlowMap& flows, std::size_t place, std::uint64_t entry) {
        return outgoing_.known_flows(flows).is_heard(place, entry);
    }

    /// Takes in what was taken until now, or a part of it. Call it in the middle of a change of the maps only with
    /// `flows_only`: then what is said of slots waits for a later call.
    [[nodiscard]] netlink::Result<> take_in(Reconciler& reconciler, bool flows_only = false);
    /// Tells what the others do not know. Call it often: who takes over from this balancer knows what was told.
    [[nodiscard]] netlink::Result<> tell(Reconciler& reconciler, Clock::time_point now, const Outgoing::Tell& tell);
    /// Makes what one needs that has just come, a message at a time, and nothing after the last one. `reconciler` and
    /// this must outlive it.
    [[nodiscard]] std::function<netlink::Result<std::optional<Exceptions>>()> everything(Reconciler& reconciler);

  private:
    [[nodiscard]] netlink::Result<std::deque<Exceptions>> slots_and_tables(Reconciler& reconciler);
    [[nodiscard]] netlink::Result<> begin_slots(Reconciler& reconciler);
    void follow(const Reconciler& reconciler);

    Incoming incoming_;
    Outgoing outgoing_;
    bool joins_ = false;
    std::optional<std::uint64_t> changes_;  // Planner::changes() that outgoing_ follows
    Clock::time_point told_slots_;          // when a round began
    bool tells_slots_ = false;              // in the middle of a round
    Clock::time_point told_flows_;
};

}  // namespace culvert::lbd
