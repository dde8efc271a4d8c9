// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "common/fd.hpp"
#include "lbd/datapath/build.hpp"
#include "lbd/datapath/flow_clock.hpp"
#include "lbd/datapath/latency.hpp"
#include "lbd/datapath/mapped_array.hpp"
#include "lbd/datapath/own.hpp"
#include "lbd/datapath/pins.hpp"
#include "lbd/datapath/settler.hpp"
#include "lbd/datapath/vip_table.hpp"
#include "lbd/model/config.hpp"
#include "lbd/model/edits.hpp"
#include "netlink/result.hpp"

struct lb_bpf;  // the skeleton that bpftool makes

namespace culvert::lbd {

using common::Fd;

class Rehearsal;

/// By enum lb_reason.
using ReasonCounts = std::array<std::uint64_t, LB_REASON_COUNT>;
/// By enum lb_event.
using EventCounts = std::array<std::uint64_t, LB_EVENT_COUNT>;

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
    /// When no packet sees the former program any more: takes over the flows that it has entered meanwhile.
    [[nodiscard]] netlink::Result<> leave_former();

    /// When packets see this program again, after another one that may share its maps.
    void resume(const Datapath& other);

    /// Which frames are for this host: none before the first call. Returns whether all addresses have their place; if
    /// not, every unicast frame counts.
    bool set_own(Own own);
    /// Whether packets come whose checksum is not finished, and who finishes it: never before the first call.
    void set_unfinished(lb_unfinished unfinished);

    /// What the maps hold.
    [[nodiscard]] netlink::Result<Image> read_image() const;
    /// All of them, in this order. If one fails, none: packets go as before, and every id is whose it was.
    [[nodiscard]] netlink::Result<> apply(const std::vector<Edit>& edits);

    /// What all CPUs have counted for each destination, by id, up to this one.
    [[nodiscard]] netlink::Result<std::vector<lb_counters>> counters(std::uint32_t end) const;
    [[nodiscard]] netlink::Result<ReasonCounts> reasons() const;
    [[nodiscard]] netlink::Result<EventCounts> events() const;
    /// Nothing while it is not sampled.
    [[nodiscard]] netlink::Result<std::optional<Latency>> latency() const;

    /// The table at these lines.
    [[nodiscard]] std::span<const std::uint16_t> ring(std::uint32_t line, std::uint32_t size) const;

    /// To try packets out, as long as this lives.
    [[nodiscard]] netlink::Result<Rehearsal> rehearse() const;
    /// The map of what is dropped, by reason.
    [[nodiscard]] int reason_counts() const;
    /// The map of destinations, for the health checker's program to share.
    [[nodiscard]] int dests() const;

    [[nodiscard]] std::span<lb_bucket> flows() const { return memory_.flows.values(); }
    [[nodiscard]] const FlowClock& flow_clock() const { return clock_; }
    /// Of the clock.
    [[nodiscard]] netlink::Result<std::uint16_t> flow_time() const;

  private:
    struct Unload {
        void operator()(lb_bpf* skeleton) const;
    };
    using Skeleton = std::unique_ptr<lb_bpf, Unload>;

    struct Memory {
        MappedArray<lb_vip4_line> vips4;
        MappedArray<lb_vip6_line> vips6;
        MappedArray<lb_ring_line> rings;
        MappedArray<lb_dest> dests;
        MappedArray<lb_bucket> flows;
    };

    Datapath(Skeleton skeleton, Build build, Settler settler, Memory memory);

    struct Done;

    [[nodiscard]] netlink::Result<> run(const SetOwner& edit, Done& done);
    [[nodiscard]] netlink::Result<> run(const RemoveOwner& edit, Done& done);
    [[nodiscard]] netlink::Result<> run(const SetDest& edit, Done& done);
    [[nodiscard]] netlink::Result<> run(const WriteRing& edit, Done& done);
    [[nodiscard]] netlink::Result<> run(const SetVips& edit, Done& done);
    [[nodiscard]] netlink::Result<> run(const Settle& edit, Done& done);
    void note_owner(std::uint32_t id, Done& done) const;
    void take_back(const Done& done);

    /// In a half of their tables.
    [[nodiscard]] std::set<Vip> vips_of(std::uint32_t half) const;
    [[nodiscard]] netlink::Result<> enter_prefixes(const std::set<Vip>& wanted);
    void remove_unused_prefixes();
    [[nodiscard]] netlink::Result<> read_prefixes();
    [[nodiscard]] netlink::Result<> copy_former_flows();

    Skeleton skeleton_;
    Build build_;
    FlowClock clock_{kernel_hz()};
    Settler settler_;
    Memory memory_;
    std::optional<MappedArray<lb_bucket>> former_flows_;  // if the table is another one
    Own own_;
    std::set<Vip> prefixes_;  // in the tries
    VipHalves<lb_vip4_line> vips4_;
    VipHalves<lb_vip6_line> vips6_;
};

}  // namespace culvert::lbd
