// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bpf/abi.h"
#include "lbd/datapath/flow_clock.hpp"
#include "lbd/model/config.hpp"
#include "lbd/model/counts.hpp"
#include "lbd/model/ids.hpp"

/// The flow table as user space sees it: the map's own memory, which packets write to meanwhile.
namespace culvert::lbd {

/// One entry, taken apart.
struct Flow {
    std::uint32_t dest = 0;  ///< destination id; 0: no entry
    std::uint32_t tag = 0;   ///< of the flow's hash
    std::uint16_t time = 0;  ///< of FlowClock, when it was last used
    std::uint8_t state = 0;  ///< enum lb_flow_state
    bool operator==(const Flow&) const = default;

    [[nodiscard]] bool is_closing() const { return (state & LB_FLOW_CLOSING) != 0; }
    /// Not a flow, but what the fragments of a packet have in common.
    [[nodiscard]] bool is_of_fragments() const { return (state & (LB_FLOW_CLOSING | LB_FLOW_SEEN)) == LB_FLOW_CLOSING; }
};

[[nodiscard]] Flow decode_flow(std::uint64_t entry);

/// A client that has sent FIN may go on receiving for hours, and who has sent RST may have been another: as long as
/// packets come, the flow is live. What the backend answers isn't seen here.
inline constexpr std::chrono::seconds closed_after{10};

/// By destination id; `counts` has an element for every id that may occur. `now` and `closed`, which stands for
/// closed_after, are of FlowClock.
void count_flows(std::span<lb_bucket> table, std::uint16_t now, std::uint16_t closed, std::span<FlowCount> counts);

/// After how long without a packet an entry is freed, in units of FlowClock.
struct IdleTimes {
    std::vector<std::uint16_t> by_dest;  ///< by destination id
    std::uint16_t other = 0;             ///< of ids beyond
    std::uint16_t closing = 0;           ///< at most, of flows whose client sent FIN or RST

    [[nodiscard]] std::uint16_t of(const Flow& flow) const;
};

/// As configured; a closed flow's last packets may take two minutes: half of what TIME-WAIT takes with the MSL of
/// RFC 9293, section 3.4.2, twice what Linux gives it.
[[nodiscard]] IdleTimes idle_times(const Config& config, const Ids& ids, const FlowClock& clock);
/// Of these services, among others.
void set_idle_times(IdleTimes& idle, const Services& services, const Ids& ids, const FlowClock& clock);

/// Frees the entries that were idle for too long. One that a packet uses at that moment stays.
void expire_flows(std::span<lb_bucket> table, const IdleTimes& idle, std::uint16_t now);

/// Enters the flows of a table into another one, which may be of another size, and may have entries of the same flows,
/// which stay. Of a larger table, an entry goes into each bucket that its flow may belong to; of those for which a
/// smaller one has no room, those are lost that would make room for new ones. `now` is of FlowClock.
void copy_flows(std::span<lb_bucket> from, std::span<lb_bucket> to, std::uint16_t now);

}  // namespace culvert::lbd
