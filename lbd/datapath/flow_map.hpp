// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bpf/abi.h"
#include "lbd/datapath/flow_clock.hpp"
#include "lbd/datapath/inherit.hpp"
#include "lbd/datapath/mapped_array.hpp"
#include "netlink/result.hpp"

struct lb_bpf;  // the skeleton that bpftool makes

namespace culvert::lbd {

/// The flow table of a loaded program, and its clock.
class FlowMap {
  public:
    /// Copies the former program's table if it is in `replaced`. `skeleton` must outlive this.
    [[nodiscard]] static netlink::Result<FlowMap> open(const lb_bpf& skeleton, const std::vector<Replaced>& replaced);

    [[nodiscard]] std::span<lb_bucket> table() const { return table_.values(); }
    [[nodiscard]] const FlowClock& clock() const { return clock_; }
    /// The clock's present time, in LB_FLOW_TIME_BITS bits.
    [[nodiscard]] netlink::Result<std::uint16_t> now() const;
    /// Likewise, in 16 bits, as slots in transition store it.
    [[nodiscard]] netlink::Result<std::uint16_t> long_now() const;

    /// The flow table counts one flow in 2^shift, where it only counts them.
    [[nodiscard]] unsigned sampled() const;
    void sample(unsigned shift);

    /// Takes over what the former program has added to its own table since open(), and closes that table.
    [[nodiscard]] netlink::Result<> leave_former();
    /// Takes over what another program has added, unless both share the table.
    void take_from(const FlowMap& other);

  private:
    FlowMap(const lb_bpf& skeleton, MappedArray<lb_bucket> table) : skeleton_(&skeleton), table_(std::move(table)) {}

    [[nodiscard]] netlink::Result<> copy_former() const;

    const lb_bpf* skeleton_;
    FlowClock clock_{kernel_hz()};
    MappedArray<lb_bucket> table_;
    std::optional<MappedArray<lb_bucket>> former_;  // the former program's table, if it is a separate one
};

}  // namespace culvert::lbd
