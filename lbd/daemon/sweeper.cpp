// SPDX-License-Identifier: Apache-2.0
#include "lbd/daemon/sweeper.hpp"

#include <chrono>
#include <string>

namespace culvert::lbd {

constexpr std::chrono::milliseconds sweep_interval{250};

netlink::Result<> Sweeper::open(common::EventLoop& loop) {
    TRY(next_, loop.timer([this] { sweep(); }));
    return {};
}

void Sweeper::begin() { next_.arm(sweep_interval); }

void Sweeper::sweep() {
    next_.arm(sweep_interval);
    IsHeld is_held;
    if (const Mesh* mesh = balancer_.mesh.get())
        // While balancers have different tables, one may need what another one would forget.
        is_held = [mesh](const std::string& service) { return !mesh->joined() || !mesh->agrees(service); };
    not_swept_.take(balancer_.flow_sweep.next(balancer_.reconciler, balancer_.idle_times, is_held));
}

}  // namespace culvert::lbd
