// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "bpf/abi.h"
#include "lbd/datapath/flow_clock.hpp"
#include "lbd/model/config.hpp"
#include "lbd/model/counts.hpp"
#include "lbd/model/ids.hpp"

/// The flow table in user space: the map's own memory, which packets change at the same time.
namespace culvert::lbd {

/// A decoded entry.
struct Flow {
    std::uint32_t dest = 0;  ///< destination id; 0: free
    std::uint32_t tag = 0;   ///< from the hash of the flow
    std::uint16_t time = 0;  ///< when it was last used, in units of FlowClock
    std::uint8_t state = 0;  ///< enum lb_flow_state
    bool operator==(const Flow&) const = default;

    [[nodiscard]] bool is_closing() const { return (state & LB_FLOW_CLOSING) != 0; }
    /// An entry for the fragments of one packet, not for a flow.
    [[nodiscard]] bool is_of_fragments() const { return (state & (LB_FLOW_CLOSING | LB_FLOW_SEEN)) == LB_FLOW_CLOSING; }
};

[[nodiscard]] Flow decode_flow(std::uint64_t entry);

/// A client that sent FIN may still receive for hours, and a RST may be forged. So a flow is live as long as packets
/// arrive. The backend's answers do not pass here.
inline constexpr std::chrono::seconds closed_after{10};

/// The flow table counts one flow in 2^shift, by the lowest bits of the tag: LB_FLOW tags without any of these bits.
inline constexpr unsigned most_sampled = 12;
[[nodiscard]] std::uint32_t sample_mask(unsigned shift);
[[nodiscard]] unsigned sample_shift(std::uint32_t mask);

/// Whose flows the flow table has in part.
struct Sample {
    unsigned shift = 0;
    std::vector<bool> dests;  ///< by destination id; of the others it has all flows

    [[nodiscard]] bool concerns(std::uint32_t dest) const { return shift != 0 && dest < dests.size() && dests[dest]; }
};

/// Counts by destination id; `counts` must have an element for each id that may occur. `now` and `closed` are in units
/// of FlowClock; `closed` is closed_after in these units. Flows of a sample are estimated, and no fewer than are known.
void count_flows(std::span<lb_bucket> table, std::uint16_t now, std::uint16_t closed, std::span<FlowCount> counts,
                 const Sample& sample = {});

/// How long an entry without packets is kept, in units of FlowClock.
struct IdleTimes {
    std::vector<std::uint16_t> by_dest;  ///< by destination id
    std::uint16_t other = 0;             ///< for higher ids
    std::uint16_t closing = 0;           ///< upper limit for flows whose client sent FIN or RST

    [[nodiscard]] std::uint16_t of(const Flow& flow) const;
};

/// The configured times. Closing flows are kept for at most two minutes: half of TIME-WAIT with the MSL of RFC 9293,
/// section 3.4.2, and twice that of Linux.
[[nodiscard]] IdleTimes idle_times(const Config& config, const Ids& ids, const FlowClock& clock);
/// Sets the times of these services, and leaves the others.
void set_idle_times(IdleTimes& idle, const Services& services, const Ids& ids, const FlowClock& clock);

/// Frees entries that were idle for too long, and calls `kept` for the others. An entry that a packet uses at that
/// moment stays.
void expire_flows(std::span<lb_bucket> table, const IdleTimes& idle, std::uint16_t now,
                  const std::function<void(const Flow&)>& kept);

}  // namespace culvert::lbd
