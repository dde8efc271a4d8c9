// SPDX-License-Identifier: Apache-2.0
#include "lbd/reconcile/program.hpp"

#include <spdlog/spdlog.h>

#include <utility>

#include "lbd/datapath/transition_map.hpp"

namespace culvert::lbd {

using netlink::Result;

Program::Program(Pins pins, std::optional<Generation> generation, Datapath datapath, common::SlowCall slow)
    : slow_(std::move(slow)),
      pins_(std::move(pins)),
      generation_(std::move(generation)),
      datapath_(std::move(datapath)) {}

void Program::tell(Own own, lb_unfinished unfinished) {
    own_ = std::move(own);
    unfinished_ = unfinished;
    datapath_.set_unfinished(unfinished);
    const bool all = datapath_.set_own(own_);
    if (!all && !std::exchange(takes_any_mac_, true))
        spdlog::warn("there are too many MAC addresses to compare: every unicast frame counts as for this host");
}

/// Before the program sees a frame, it must know which frames are for this host.
Result<Generation> Program::pin(Datapath& next) {
    (void)next.set_own(own_);
    next.set_unfinished(unfinished_);
    TRY(Generation generation, pins_.make_next());
    if (auto pinned = next.pin(generation); !pinned) {
        Pins::remove(generation);
        return tl::unexpected(std::move(pinned.error()));
    }
    return generation;
}

Result<> Program::start() {
    TRY(generation_, pin(datapath_));
    return datapath_.flows().leave_former();
}

Result<> Program::replace(Datapath next, const Ports& ports, XdpMode mode,
                          const std::map<std::uint32_t, Transition>& transitions) {
    TRY(Generation generation, pin(next));
    auto done = attachments_.exchange(next, datapath_, ports, mode);
    if (done) done = next.flows().leave_former();
    if (!done) {
        (void)attachments_.exchange(datapath_, next, ports, mode);
        Pins::remove(generation);
        return done;
    }
    for (const auto& [line, transition] : transitions)
        keep_times(datapath_.maps().transition(line), next.maps().transition(line));
    former_ = Placed{std::exchange(datapath_, std::move(next)), *std::exchange(generation_, std::move(generation)),
                     ports, mode};
    return {};
}

void Program::keep() {
    former_.reset();
    if (generation_) pins_.keep_only(*generation_);
}

Result<> Program::restore() {
    if (!former_) return {};
    Placed& former = *former_;
    (void)former.datapath.set_own(own_);
    former.datapath.set_unfinished(unfinished_);
    CHECK_OK(attachments_.exchange(former.datapath, datapath_, former.ports, former.mode));
    former.datapath.resume(datapath_);
    datapath_ = std::move(former.datapath);
    generation_ = std::move(former.generation);
    keep();
    return {};
}

}  // namespace culvert::lbd
