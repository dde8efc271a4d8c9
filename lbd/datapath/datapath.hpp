// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "bpf/abi.h"
#include "common/fd.hpp"
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

/// The BPF program and its maps in the kernel. Pinned, they outlive this.
class Datapath {
  public:
    /// Loads the program. It sees no packet yet, and shares what it can with that of `former`: what it needs in another
    /// size is copied. A hash key is drawn if there is none to take over. If the verifier refuses it, the error's text
    /// is the end of its log.
    [[nodiscard]] static netlink::Result<Datapath> load(Build build, const std::optional<Generation>& former);

    Datapath(Datapath&&) noexcept = default;
    Datapath& operator=(Datapath&&) noexcept = default;

    [[nodiscard]] const Build& build() const { return build_; }
    [[nodiscard]] netlink::Result<> pin(const Generation& generation) const;

    /// Runs the program on the packets that the interface receives, in place of an earlier one of ours. `mode`: native
    /// or generic. The error is that of the kernel.
    [[nodiscard]] netlink::Result<> attach(const Pins& pins, std::uint32_t ifindex, const std::string& name,
                                           XdpMode mode);
    /// The program, as the kernel knows it: its id.
    [[nodiscard]] netlink::Result<std::uint32_t> program_id() const;
    /// Their file descriptors: of the program, and of one of the same needs that lets everything pass.
    [[nodiscard]] int program() const;
    [[nodiscard]] int passing_program() const;
    [[nodiscard]] netlink::Result<> detach(const PinnedLink& link);
    [[nodiscard]] netlink::Result<> detach(const Pins& pins, std::uint32_t ifindex);
    /// Somebody else has detached it: nothing is redirected there any more.
    void forget_port(std::uint32_t ifindex);

    /// When packets see this program again, after another one that may share its maps.
    void resume(const Datapath& other);

    /// Which frames are for this host: none before the first call. Returns whether all addresses have their place; if
    /// not, every unicast frame counts.
    bool set_own(Own own);
    /// Whether packets come whose checksum is not finished, and who finishes it: never before the first call.
    void set_unfinished(lb_unfinished unfinished);

    /// Its maps.
    [[nodiscard]] ImageMaps& maps() { return maps_; }
    [[nodiscard]] const ImageMaps& maps() const { return maps_; }
    [[nodiscard]] FlowMap& flows() { return flows_; }
    [[nodiscard]] const FlowMap& flows() const { return flows_; }
    [[nodiscard]] Counters counters() const { return Counters(*skeleton_); }

    /// To try packets out, as long as this lives.
    [[nodiscard]] netlink::Result<Rehearsal> rehearse() const;
    /// The map of what is dropped, by reason.
    [[nodiscard]] int reason_counts() const;
    /// The map of destinations, for the health checker's program to share.
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
