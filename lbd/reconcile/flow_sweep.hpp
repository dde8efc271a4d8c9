// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "lbd/datapath/flow_table.hpp"
#include "lbd/reconcile/part_size.hpp"
#include "lbd/reconcile/reconciler.hpp"
#include "lbd/reconcile/sampling.hpp"
#include "lbd/reconcile/slot_watch.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Goes through the flow table in rounds: frees idle entries, ends the transition of slots that nobody needs, chooses
/// how many flows are counted, and how much of the table packets use. Each call sweeps a share of the buckets, or moves
/// entries when that part has changed.
class FlowSweep {
  public:
    static constexpr std::size_t shares = 16;  ///< per round

    /// `reconciler` must have planned. `held`: see SlotWatch::settle().
    [[nodiscard]] netlink::Result<> next(Reconciler& reconciler, const IdleTimes& idle, const IsHeld& held = {});

    /// The shift by which flows are counted: see Sampling.
    [[nodiscard]] unsigned counted() const { return sampling_ ? sampling_->counted() : 0; }

  private:
    [[nodiscard]] netlink::Result<> begin_round(const Reconciler& reconciler);
    [[nodiscard]] netlink::Result<> end_round(Reconciler& reconciler, const IsHeld& held);
    [[nodiscard]] netlink::Result<> settle(Reconciler& reconciler, const IsHeld& held);

    std::size_t swept_ = 0;      // buckets swept in this round
    std::uint64_t planned_ = 0;  // Planner::plans() when the round began
    SlotWatch watch_;
    bool settles_ = false;              // the round is over, and not all watched slots were looked at
    std::vector<bool> sampled_;         // by destination id
    std::uint64_t entries_ = 0;         // of the sample, in this round
    std::optional<Sampling> sampling_;  // from the first call on
    std::uint64_t kept_ = 0;            // entries in this round
    PartSize size_;
};

}  // namespace culvert::lbd
