// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "lbd/datapath/flow_map.hpp"
#include "lbd/datapath/image_maps.hpp"
#include "lbd/exchange/known_flows.hpp"
#include "lbd/exchange/tracked.hpp"
#include "lbd/model/exceptions.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Finds what other balancers do not know yet in the flow table and in the slots in transition. It remembers what they
/// were told. Packets pay nothing for it.
class Outgoing {
  public:
    using Tell = std::function<void(const Exceptions&)>;

    /// Call after each plan.
    void follow(Tracked tracked);
    /// Nobody must be told of anything.
    [[nodiscard]] bool empty() const { return tracked_.services.empty(); }
    /// Whether some connections are not where the table says, although the protocol has connections.
    [[nodiscard]] bool has_transitions() const;

    /// Looks at the next `most` buckets or all, and tells of entries that are new, lead elsewhere, or were used since
    /// the last time was told, if that is old. Flows of a single packet are not told: anybody can make millions.
    [[nodiscard]] netlink::Result<> tell_flows(const FlowMap& flows, const ImageMaps& maps, std::size_t most,
                                               const Tell& tell);
    /// Likewise of slots in transition: of `most` or a few more. True if these were the last ones: then it begins anew.
    [[nodiscard]] netlink::Result<bool> tell_slots(const FlowMap& flows, const ImageMaps& maps, std::size_t most,
                                                   const Tell& tell);
    /// All slots in transition.
    [[nodiscard]] netlink::Result<std::vector<Exceptions>> all_slots(const FlowMap& flows, const ImageMaps& maps) const;
    /// All flows that this balancer knows by itself, in the `most` buckets from `next` on. Then `next` is the one
    /// behind them; no higher than the number of buckets.
    [[nodiscard]] netlink::Result<> tell_flows_from(std::size_t& next, const FlowMap& flows, const ImageMaps& maps,
                                                    std::size_t most, const Tell& tell);

    /// What the others know of entries.
    [[nodiscard]] KnownFlows& known_flows(const FlowMap& flows);
    /// A peer has told of a slot in transition: it need not be told again. `line`: of that.
    void heard(std::uint32_t line, const MovingSlot& slot);
    /// A peer is gone. What it told is told to those who come, as what this balancer knows by itself.
    void forget_peers() { known_.forget_peers(); }

  private:
    struct Told {
        std::uint16_t former = LB_NO_FORMER;
        std::uint16_t used = 0;
        bool is_moving = false;
    };

    Tracked tracked_;
    KnownFlows known_;
    std::size_t next_ = 0;                                   // bucket
    std::size_t next_line_ = 0;                              // of tracked_
    std::map<std::uint32_t, std::vector<Told>> told_slots_;  // by line
};

}  // namespace culvert::lbd
