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
#include "lbd/datapath/flow_clock.hpp"
#include "lbd/datapath/mapped_array.hpp"
#include "lbd/datapath/settler.hpp"
#include "lbd/plan/plan.hpp"
#include "lbd/state.hpp"
#include "netlink/result.hpp"

struct lb_bpf;  // the skeleton that bpftool makes

namespace culvert::lbd {

using common::Fd;

/// By enum lb_reason.
using ReasonCounts = std::array<std::uint64_t, LB_REASON_COUNT>;
/// By enum lb_event.
using EventCounts = std::array<std::uint64_t, LB_EVENT_COUNT>;

/// What the program is compiled to, beyond the configuration.
struct Surroundings {
    std::optional<IpAddress> own4;  ///< the balancer's addresses, for "time exceeded"; none: it is not sent
    std::optional<IpAddress> own6;
    bool vlans = false;  ///< frames come and leave with VLAN tags
    bool operator==(const Surroundings&) const = default;
};

/// The BPF program and its maps in the kernel. All goes when this does: packets then take the way that they had before.
class Datapath {
  public:
    /// Makes the maps and loads the program, compiled to what the configuration uses. The program sees no packet yet.
    /// If the verifier refuses it, the error's text is the end of its log.
    [[nodiscard]] static netlink::Result<Datapath> load(const Config& config, const Surroundings& around,
                                                        const Limits& limits);

    Datapath(Datapath&&) noexcept = default;

    /// Runs the program on the packets that the interface receives. `mode`: native or generic. An error is_taken() if
    /// the interface has an XDP program.
    [[nodiscard]] netlink::Result<> attach(std::uint32_t ifindex, const std::string& name, XdpMode mode);
    [[nodiscard]] static bool is_taken(int code) { return code == EBUSY || code == EEXIST; }
    void detach() { links_.clear(); }
    /// Compiles the program to what the configuration and its surroundings have become; between two packets the new one
    /// takes the place of the old one, with the same maps. If nothing it is compiled to has changed, nothing happens.
    [[nodiscard]] netlink::Result<> recompile(const Config& config, const Surroundings& around);

    /// In this order.
    [[nodiscard]] netlink::Result<> apply(const std::vector<Edit>& edits);

    /// What all CPUs have counted for a destination.
    [[nodiscard]] netlink::Result<lb_counters> counters(std::uint32_t id) const;
    [[nodiscard]] netlink::Result<ReasonCounts> reasons() const;
    [[nodiscard]] netlink::Result<EventCounts> events() const;

    /// The table at these lines.
    [[nodiscard]] std::span<const std::uint16_t> ring(std::uint32_t line, std::uint32_t size) const;

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

    Datapath(Skeleton skeleton, Settler settler, Memory memory, FlowClock clock);

    [[nodiscard]] netlink::Result<> run(const SetDest& edit);
    [[nodiscard]] netlink::Result<> run(const WriteRing& edit);
    [[nodiscard]] netlink::Result<> run(const SetVips& edit);
    [[nodiscard]] netlink::Result<> set_prefixes(const SetVips& edit);
    [[nodiscard]] netlink::Result<> run(const Settle& edit);

    Skeleton skeleton_;
    Settler settler_;
    Memory memory_;
    FlowClock clock_;
    std::set<Vip> prefixes_;  // in the tries
    std::vector<Fd> links_;
};

}  // namespace culvert::lbd
