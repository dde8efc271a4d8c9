// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "bpf/abi.h"
#include "lbd/datapath/own.hpp"
#include "netlink/result.hpp"

struct lb_bpf;  // the skeleton that bpftool makes

namespace culvert::lbd {

/// What would become of a frame.
struct Fate {
    std::uint32_t verdict = 0;  ///< enum xdp_action
    std::vector<std::uint8_t> frame;
    std::optional<lb_reason> reason;  ///< that it would be counted under
    std::optional<lb_event> event;    ///< the same
    lb_story story{};
    Addressee addressee = Addressee::us;
};

/// A second instance of the program that packets see, with the same maps, but for counters of its own. It is on no
/// interface, and leaves the flow table alone.
class Rehearsal {
  public:
    /// What BPF_PROG_TEST_RUN takes, and no Ethernet header is shorter: a page less headroom and skb_shared_info
    /// (net/bpf/test_run.c), rounded down.
    static constexpr std::size_t shortest = 14;
    static constexpr std::size_t longest = 3400;

    /// Loads it: some ten milliseconds. `live` must outlive it.
    [[nodiscard]] static netlink::Result<Rehearsal> load(const lb_bpf& live);

    /// As if the frame had been received by this interface.
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
