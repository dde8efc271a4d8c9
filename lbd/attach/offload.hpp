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

/// Which offloads would change frames before generic XDP sees them, and what to do about it. Values only.
namespace culvert::lbd {

/// Links by index.
using Links = std::map<std::uint32_t, netlink::Link>;

/// Features of a device that must be off while generic XDP runs on it or above it, by the kernel's names.
struct Offload {
    std::uint32_t ifindex = 0;
    std::string name;
    std::set<std::string> off;

    bool operator==(const Offload&) const = default;
};

/// The offloads that disturb these programs. Devices below a port (members of a bridge or bond, the parent of a VLAN,
/// and so on) merge segments before the port's program sees them; the kernel turns that off only on the port itself. If
/// a card removes VLAN tags, they are in the packet's metadata, where the program of a port without devices below does
/// not see them.
[[nodiscard]] std::vector<Offload> offloads_in_the_way(const std::vector<Attachment>& programs, const Links& links);

/// VLAN devices on a port whose frames arrive through another device. The kernel removes their tags before the program
/// runs, with or without the offload.
[[nodiscard]] std::vector<std::string> hidden_vlans(const Attachment& program, const Links& links);

/// The programs on these ports, attached or expected, in one mode. Before they are attached the mode is a guess.
[[nodiscard]] std::vector<Attachment> expected_programs(const std::vector<Attachment>& attached, const Links& ports,
                                                        XdpMode wanted);

/// Whether packets with unfinished checksums arrive, and who finishes them. In native mode the other end of a veth, or
/// a process behind a TAP device, leaves checksums to a card. Drivers of cards finish them while XDP runs.
[[nodiscard]] lb_unfinished unfinished(const std::vector<Attachment>& programs, const Links& links);

/// The features of a device that were on before lbd turned them off. An earlier entry is not overwritten.
struct Original {
    std::string name;
    std::set<std::string> on;

    bool operator==(const Original&) const = default;
};
using Originals = std::map<std::uint32_t, Original>;  ///< by index

/// The changes to make.
struct OffloadPlan {
    Originals originals;            ///< as they will be afterwards
    std::vector<Offload> turn_off;  ///< features that are on now
    std::vector<Offload> turn_on;   ///< features to restore, as no program is above any more
    std::vector<Offload> fixed;     ///< on, and cannot be turned off; VLAN tags only where VLAN devices exist

    bool operator==(const OffloadPlan&) const = default;
};
using FoundFeatures = std::map<std::uint32_t, netlink::Features>;  ///< by index of the device

/// `before`: as they were before the program was attached, when the kernel turned some off by itself; `now`: the
/// features now.
[[nodiscard]] OffloadPlan plan_offloads(const std::vector<Offload>& in_the_way, const Originals& originals,
                                        const FoundFeatures& before, const FoundFeatures& now, const Links& links);

/// The error for an entry of `fixed`: the reason why lbd does not balance there.
[[nodiscard]] netlink::Error cannot_be_turned_off(const Offload& fixed);

}  // namespace culvert::lbd
