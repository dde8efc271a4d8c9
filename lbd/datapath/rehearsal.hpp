// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "lbd/model/fate.hpp"
#include "netlink/result.hpp"

struct lb_bpf;  // the skeleton that bpftool makes

namespace culvert::lbd {

/// A second instance of the running program. It has its own counters and shares the other maps. It is attached to no
/// interface, and does not change the flow table.
class Rehearsal {
  public:
    /// Loads the program, which takes some ten milliseconds. `live` must outlive this.
    [[nodiscard]] static netlink::Result<Rehearsal> load(const lb_bpf& live);

    /// Runs the program on a frame of Fate::shortest to Fate::longest bytes as if this interface had received it.
    [[nodiscard]] netlink::Result<Fate> run(std::span<const std::uint8_t> frame, std::uint32_t ifindex);

  private:
    struct Unload {
        void operator()(lb_bpf* skeleton) const;
    };
    using Skeleton = std::unique_ptr<lb_bpf, Unload>;

    Rehearsal(const lb_bpf& live, Skeleton skeleton) : live_(&live), skeleton_(std::move(skeleton)) {}

    const lb_bpf* live_;
    Skeleton skeleton_;
};

}  // namespace culvert::lbd
