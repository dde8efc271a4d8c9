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

/// A loaded program's flow table, and the clock that its entries go by.
class FlowMap {
  public:
    /// Copies the former program's table, if it is among the `replaced`. `skeleton` outlives this.
    [[nodiscard]] static netlink::Result<FlowMap> open(const lb_bpf& skeleton, const std::vector<Replaced>& replaced);

    [[nodiscard]] std::span<lb_bucket> table() const { return table_.values(); }
    [[nodiscard]] const FlowClock& clock() const { return clock_; }
    /// Of the clock.
    [[nodiscard]] netlink::Result<std::uint16_t> now() const;

    /// Takes over what the former program has entered into its own table since open(), and lets go of that.
    [[nodiscard]] netlink::Result<> leave_former();
    /// Takes over what another program has entered, unless both have the same table.
    void take_from(const FlowMap& other);

  private:
    FlowMap(const lb_bpf& skeleton, MappedArray<lb_bucket> table) : skeleton_(&skeleton), table_(std::move(table)) {}

    [[nodiscard]] netlink::Result<> copy_former() const;

    const lb_bpf* skeleton_;
    FlowClock clock_{kernel_hz()};
    MappedArray<lb_bucket> table_;
    std::optional<MappedArray<lb_bucket>> former_;  // if that is another one
};

}  // namespace culvert::lbd
