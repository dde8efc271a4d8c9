// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "lbd/attach/attachment.hpp"
#include "netlink/features.hpp"
#include "netlink/link.hpp"
#include "netlink/result.hpp"

/// What devices do to frames before generic XDP sees them, and what is to be done about it. Values only.
namespace culvert::lbd {

/// By index.
using Links = std::map<std::uint32_t, netlink::Link>;

/// Features of a device that are to be off while generic XDP runs on it or above it, by the kernel's names.
struct Offload {
    std::uint32_t ifindex = 0;
    std::string name;
    std::set<std::string> off;

    bool operator==(const Offload&) const = default;
};

/// What stands in the way of these programs. Devices below a port (members of a bridge or a bond, the parent of a VLAN,
/// whatever is below those) merge segments before the port's program sees them: the kernel turns that off on the port
/// alone. A port whose frames come from its own driver hides VLAN tags in the packet's description if the card takes
/// them off.
[[nodiscard]] std::vector<Offload> offloads_in_the_way(const std::vector<Attachment>& programs, const Links& links);

/// VLAN devices on a port whose frames come by another device: by then the kernel has taken the tag off, whatever the
/// card does.
[[nodiscard]] std::vector<std::string> hidden_vlans(const Attachment& program, const Links& links);

/// What runs, or is about to, on these ports, in one mode: before it is attached that is a guess.
[[nodiscard]] std::vector<Attachment> expected_programs(const std::vector<Attachment>& attached, const Links& ports,
                                                        XdpMode wanted);

/// Whether packets come whose checksum is unfinished, and who finishes it. Native: the other end of a veth, and a
/// process behind a TAP device, leave it to a card; the drivers of those that are cards finish it while XDP runs.
[[nodiscard]] lb_unfinished unfinished(const std::vector<Attachment>& programs, const Links& links);

/// Of devices, those of their features that were on before lbd turned them off. The first original counts.
struct Original {
    std::string name;
    std::set<std::string> on;

    bool operator==(const Original&) const = default;
};
using Originals = std::map<std::uint32_t, Original>;  ///< by index

/// What there is to do.
struct OffloadPlan {
    Originals originals;            ///< once it is done
    std::vector<Offload> turn_off;  ///< only what is on
    std::vector<Offload> turn_on;   ///< again: nothing stands above any more
    std::vector<Offload> fixed;     ///< on, and can't be turned off; tags only where there are VLAN devices

    bool operator==(const OffloadPlan&) const = default;
};
using FoundFeatures = std::map<std::uint32_t, netlink::Features>;  ///< by index of the device

/// `before`: as they were before the program was attached, when the kernel turned some off by itself; `now`: as they
/// are.
[[nodiscard]] OffloadPlan plan_offloads(const std::vector<Offload>& in_the_way, const Originals& originals,
                                        const FoundFeatures& before, const FoundFeatures& now, const Links& links);

/// One of the plan's `fixed`: why nothing is balanced there.
[[nodiscard]] netlink::Error cannot_be_turned_off(const Offload& fixed);

}  // namespace culvert::lbd
