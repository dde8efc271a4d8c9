// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bpf/abi.h"
#include "lbd/model/counts.hpp"
#include "lbd/model/latency.hpp"
#include "netlink/result.hpp"

struct lb_bpf;  // the skeleton that bpftool makes

namespace culvert::lbd {

/// Reads the program's counters, summed over all CPUs.
class Counters {
  public:
    /// `skeleton` must outlive this.
    explicit Counters(const lb_bpf& skeleton) : skeleton_(skeleton) {}

    /// The counters of the destinations with ids below `end`.
    [[nodiscard]] netlink::Result<std::vector<lb_counters>> dests(std::uint32_t end) const;
    [[nodiscard]] netlink::Result<ReasonCounts> reasons() const;
    [[nodiscard]] netlink::Result<EventCounts> events() const;
    /// Nothing if latency is not measured.
    [[nodiscard]] netlink::Result<std::optional<Latency>> latency() const;

  private:
    const lb_bpf& skeleton_;
};

}  // namespace culvert::lbd
