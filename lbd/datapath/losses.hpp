// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <set>

#include "lbd/datapath/pins.hpp"
#include "netlink/result.hpp"

struct lost_bpf;  // the skeleton that bpftool makes

namespace culvert::lbd {

/// Counts frames that the balancer sent and the kernel then lost, for LB_DROP_NOT_SENT. The programs are pinned, so
/// they go on without this process.
class Losses {
  public:
    /// Replaces what an earlier process has pinned. `reasons`: file descriptor of the balancer's map of that name.
    [[nodiscard]] static netlink::Result<Losses> count(const Pins& pins, int reasons);

    /// Counts only frames that arrived on these interfaces, by index. A frame redirected at a bond arrived on a member.
    void watch(const std::set<std::uint32_t>& interfaces);

  private:
    struct Unload {
        void operator()(lost_bpf* skeleton) const;
    };
    using Skeleton = std::unique_ptr<lost_bpf, Unload>;

    explicit Losses(Skeleton skeleton) : skeleton_(std::move(skeleton)) {}

    Skeleton skeleton_;
    std::set<std::uint32_t> watched_;
};

}  // namespace culvert::lbd
