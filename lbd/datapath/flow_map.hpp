// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "bpf/abi.h"
#include "common/slow_call.hpp"
#include "lbd/datapath/flow_clock.hpp"
#include "lbd/datapath/flow_moves.hpp"
#include "lbd/datapath/inherit.hpp"
#include "lbd/datapath/mapped_array.hpp"
#include "lbd/datapath/settler.hpp"
#include "netlink/result.hpp"

struct lb_bpf;  // the skeleton that bpftool makes

namespace culvert::lbd {

/// The flow table of a loaded program, and its clock.
class FlowMap {
  public:
    /// Copies the former program's table if it is in `replaced`. `former`: that program; absent: there is none.
    /// `skeleton` must outlive this.
    [[nodiscard]] static netlink::Result<FlowMap> open(const lb_bpf& skeleton, const std::vector<Replaced>& replaced,
                                                       const std::optional<Generation>& former,
                                                       const common::SlowCall& slow);

    FlowMap(FlowMap&& other) noexcept;
    FlowMap& operator=(FlowMap&& other) noexcept;
    ~FlowMap();

    /// The buckets that packets use. All entries are there.
    [[nodiscard]] std::span<lb_bucket> table() const;
    /// All buckets of the map.
    [[nodiscard]] std::size_t capacity() const { return table_.values().size(); }
    [[nodiscard]] const FlowClock& clock() const { return clock_; }
    /// The clock's present time, in LB_FLOW_TIME_BITS bits.
    [[nodiscard]] netlink::Result<std::uint16_t> now() const;
    /// Likewise, in 16 bits, as slots in transition store it.
    [[nodiscard]] netlink::Result<std::uint16_t> long_now() const;

    /// The flow table counts one flow in 2^shift, where it only counts them.
    [[nodiscard]] unsigned sampled() const;
    void sample(unsigned shift);

    [[nodiscard]] FlowPart part() const;
    /// Makes packets use another part of the map, of capacity() >> `shift` buckets. Entries are moved by move().
    [[nodiscard]] netlink::Result<> use_part(unsigned shift);
    /// Moves some entries, if the part has changed. If a smaller part has no room for one, the former part is used
    /// again.
    [[nodiscard]] netlink::Result<> move();

    /// Enters an entry of another balancer: see enter_flow(). Not while the part changes.
    void enter(const ForeignEntry& foreign, std::uint16_t now, const Replaces& replaces, const Entered& entered) {
        enter_flow(table_.values(), part().shift, foreign, now, replaces, entered);
    }

    /// Takes over what the former program has added to its own table since open(), and closes that table.
    [[nodiscard]] netlink::Result<> leave_former();
    /// Takes over what another program has added, unless both share the table.
    void take_from(const FlowMap& other);

  private:
    FlowMap(const lb_bpf& skeleton, MappedArray<lb_bucket> table, Settler settler)
        : skeleton_(&skeleton), table_(std::move(table)), settler_(std::move(settler)) {}

    [[nodiscard]] netlink::Result<> use_whole();
    [[nodiscard]] netlink::Result<> copy_former() const;
    void set_part(FlowPart part);

    const lb_bpf* skeleton_;
    FlowClock clock_{kernel_hz()};
    MappedArray<lb_bucket> table_;
    Settler settler_;
    std::size_t moved_ = 0;                         // buckets whose entries have moved since the part changed
    std::optional<MappedArray<lb_bucket>> former_;  // the former program's table, if it is a separate one
    FlowIndex former_index_ = FlowIndex::of_tag;
};

}  // namespace culvert::lbd
