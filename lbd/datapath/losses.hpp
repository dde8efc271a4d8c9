// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <set>

#include "lbd/datapath/pins.hpp"
#include "netlink/result.hpp"

struct lost_bpf;  // the skeleton that bpftool makes

namespace culvert::lbd {

/// Counts the frames that the balancer has sent and the kernel has lost behind its back, for LB_DROP_NOT_SENT. Pinned,
/// it goes on without this process.
class Losses {
  public:
    /// In place of what an earlier process has pinned. `reasons`: file descriptor of the balancer's map of this name.
    [[nodiscard]] static netlink::Result<Losses> count(const Pins& pins, int reasons);

    /// Of frames that came by these interfaces, by index. What is redirected at a bond came by a member.
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
