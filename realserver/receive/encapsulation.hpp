// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/encap.hpp"
#include "netlink/fou.hpp"
#include "realserver/model/config.hpp"
#include "realserver/model/device.hpp"
#include "realserver/receive/header.hpp"

/// The table of encapsulations that a backend unwraps: each with its keys, its header, and what receives it.
namespace culvert::realserver {

/// What a UDP port is used as.
enum class PortUse : std::uint8_t {
    none,          ///< the encapsulation is not in UDP
    one_protocol,  ///< the kernel unwraps one protocol on it
    any_protocol,  ///< the same, and a header tells the protocol
    device,        ///< a device has it, over both families and for all VNIs
};

struct Encapsulation {
    common::EncapKind kind;

    // Its keys.
    PortUse port = PortUse::none;
    std::uint16_t default_port = 0;   ///< 0: there is none
    std::string_view example_port{};  ///< where there is no default
    bool has_vni = false;
    bool has_binding = false;   ///< to an address of this host, to one peer, to a device
    bool may_hold_gre = false;  ///< between its header and the packet

    // Its header.
    std::uint32_t length = 0;                ///< bytes, behind IP and UDP
    std::optional<std::uint8_t> protocol{};  ///< that the kernel finds before it; none: that of what is inside
    Next (*behind)(const TunnelEnd& end, std::span<const std::uint8_t> bytes) = nullptr;  ///< of those in UDP
    std::vector<Shape> (*shapes)(const PortContent& content) = nullptr;                   ///< of those in UDP

    // What receives it: a device of its own, or the kernel's own device for the protocol that is inside.
    std::string_view module{};              ///< that this takes, beside that of the kernel's own device
    std::optional<netlink::FouType> fou{};  ///< as which the kernel has the port
    Device (*device)(const TunnelEnd& end) = nullptr;
    std::string_view device_prefix{};  ///< of the name of its own device, before the port
};

/// `kind` is a tunnel's.
[[nodiscard]] const Encapsulation& encapsulation(common::EncapKind kind);
[[nodiscard]] const Encapsulation& encapsulation(const TunnelEnd& end);
/// Null if there is none such, as for L2.
[[nodiscard]] const Encapsulation* find_encapsulation(common::EncapKind kind);

/// "ipip", "gue 5080"
[[nodiscard]] std::string title(const TunnelEnd& end);

/// What two ends on one port must have in common: what differs in the rest is told apart by the packets themselves.
[[nodiscard]] TunnelEnd claim_of(const TunnelEnd& end, Family outer);
[[nodiscard]] std::set<Family> families_of_port(const TunnelEnd& end);

/// What outer IP headers say.
[[nodiscard]] std::set<std::uint8_t> outer_protocols(const TunnelEnd& end);

/// The protocol of what is inside, as IP says it.
[[nodiscard]] std::uint8_t protocol_of(Inner inner);

/// The families of clients' packets that come out. GRE carries both.
[[nodiscard]] std::set<Family> carried(Inner inner, const std::set<Family>& vips);

/// Whether a device of this name may be one that an encapsulation has of its own.
[[nodiscard]] bool is_own_device(std::string_view name);

/// All modules that any encapsulation may take, with those of tunnels to one other host.
[[nodiscard]] std::set<std::string_view> all_modules();

}  // namespace culvert::realserver
