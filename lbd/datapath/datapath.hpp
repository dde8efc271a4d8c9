// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "bpf/abi.h"
#include "common/fd.hpp"
#include "common/slow_call.hpp"
#include "lbd/datapath/build.hpp"
#include "lbd/datapath/counters.hpp"
#include "lbd/datapath/flow_map.hpp"
#include "lbd/datapath/image_maps.hpp"
#include "lbd/datapath/own.hpp"
#include "lbd/datapath/pins.hpp"
#include "lbd/model/config.hpp"
#include "netlink/result.hpp"

struct lb_bpf;  // the skeleton that bpftool makes

namespace culvert::lbd {

using common::Fd;

class Rehearsal;

/// The BPF program and its maps in the kernel. Once pinned, they outlive this object.
class Datapath {
  public:
    /// Loads the program; it receives no packet yet. It shares with `former` the maps whose size fits, and copies the
    /// others. If the verifier refuses the program, the error's text is the end of the verifier's log. `slow`: how it
    /// waits for the kernel, now and later. What goes on meanwhile may use the former program and its flow table, and
    /// must not change other maps.
    [[nodiscard]] static netlink::Result<Datapath> load(Build build, const std::optional<Generation>& former,
                                                        const common::SlowCall& slow = common::call_here);

    Datapath(Datapath&&) noexcept = default;
    Datapath& operator=(Datapath&&) noexcept = default;

    [[nodiscard]] const Build& build() const { return build_; }
    [[nodiscard]] netlink::Result<> pin(const Generation& generation) const;

    /// Runs the program on packets that the interface receives, in place of our earlier program. `mode`: native or
    /// generic. The error is the kernel's.
    [[nodiscard]] netlink::Result<> attach(const Pins& pins, std::uint32_t ifindex, const std::string& name,
                                           XdpMode mode);
    /// The id of the program in the kernel.
    [[nodiscard]] netlink::Result<std::uint32_t> program_id() const;
    /// File descriptors of the program, and of one with the same requirements that passes every packet.
    [[nodiscard]] int program() const;
    [[nodiscard]] int passing_program() const;
    [[nodiscard]] netlink::Result<> detach(const PinnedLink& link);
    [[nodiscard]] netlink::Result<> detach(const Pins& pins, std::uint32_t ifindex);
    /// Call when somebody else has detached the program: nothing is redirected to the interface any more.
    void forget_port(std::uint32_t ifindex);

    /// Call when packets see this program again after `other`, which may share its maps.
    void resume(const Datapath& other);

    /// Sets which frames are for this host; before the first call, none are. Returns whether there was room for all MAC
    /// addresses. If not, every unicast frame counts as for this host.
    bool set_own(Own own);
    /// Sets whether packets with unfinished checksums arrive, and who finishes them. Before the first call: never.
    void set_unfinished(lb_unfinished unfinished);

    /// The maps of services, tables and destinations.
    [[nodiscard]] ImageMaps& maps() { return maps_; }
    [[nodiscard]] const ImageMaps& maps() const { return maps_; }
    [[nodiscard]] FlowMap& flows() { return flows_; }
    [[nodiscard]] const FlowMap& flows() const { return flows_; }
    [[nodiscard]] Counters counters() const { return Counters(*skeleton_); }

    /// A copy of the program for trying packets. This object must outlive it.
    [[nodiscard]] netlink::Result<Rehearsal> rehearse() const;
    /// The map that counts dropped packets by reason.
    [[nodiscard]] int reason_counts() const;
    /// The map of destinations, which the health checker's program shares.
    [[nodiscard]] int dests() const;

  private:
    struct Unload {
        void operator()(lb_bpf* skeleton) const;
    };
    using Skeleton = std::unique_ptr<lb_bpf, Unload>;

    Datapath(Skeleton skeleton, Build build, ImageMaps maps, FlowMap flows);

    Skeleton skeleton_;
    Build build_;
    ImageMaps maps_;
    FlowMap flows_;
    Own own_;
};

}  // namespace culvert::lbd
