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

/// A second instance of the program that packets see, with the same maps, but for counters of its own. It is on no
/// interface, and leaves the flow table alone.
class Rehearsal {
  public:
    /// Loads it: some ten milliseconds. `live` must outlive it.
    [[nodiscard]] static netlink::Result<Rehearsal> load(const lb_bpf& live);

    /// As if the frame, of Fate::shortest to Fate::longest bytes, had been received by this interface.
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
