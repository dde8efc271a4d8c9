// SPDX-License-Identifier: Apache-2.0
#include "lbd/daemon/sweeper.hpp"

#include <chrono>

namespace culvert::lbd {

constexpr std::chrono::milliseconds sweep_interval{250};

netlink::Result<> Sweeper::open(common::EventLoop& loop) {
    TRY(next_, loop.timer([this] { sweep(); }));
    return {};
}

void Sweeper::begin() { next_.arm(sweep_interval); }

void Sweeper::sweep() {
    next_.arm(sweep_interval);
    not_swept_.take(balancer_.flow_sweep.next(balancer_.reconciler, balancer_.idle_times));
}

}  // namespace culvert::lbd
