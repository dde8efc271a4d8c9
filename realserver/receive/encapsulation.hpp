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

/// The encapsulations that a backend decapsulates: for each its keys, its header, and its receiver.
namespace culvert::realserver {

/// The use of a UDP port by an encapsulation.
enum class PortUse : std::uint8_t {
    none,          ///< the encapsulation is not in UDP
    one_protocol,  ///< the kernel decapsulates one protocol on it
    any_protocol,  ///< the kernel decapsulates the protocol that a header names
    device,        ///< a device owns it, for both families and all VNIs
};

struct Encapsulation {
    common::EncapKind kind;

    // Keys of the configuration.
    PortUse port = PortUse::none;
    std::uint16_t default_port = 0;   ///< 0: none
    std::string_view example_port{};  ///< for the error if the port is missing
    bool has_vni = false;
    bool has_binding = false;   ///< may be bound to an address of this host, to a peer, to a device
    bool may_hold_gre = false;  ///< GRE may follow its header

    // The header.
    std::uint32_t length = 0;                ///< bytes, without IP and UDP
    std::optional<std::uint8_t> protocol{};  ///< in the IP header in front of it; none: the inner protocol
    Next (*behind)(const TunnelEnd& end, std::span<const std::uint8_t> bytes) = nullptr;  ///< for those in UDP
    std::vector<Shape> (*shapes)(const PortContent& content) = nullptr;                   ///< for those in UDP

    // The receiver: a device of its own, or the fallback device of the inner protocol.
    std::string_view module{};              ///< needed besides the module of the fallback device
    std::optional<netlink::FouType> fou{};  ///< the kernel's type of the port
    Device (*device)(const TunnelEnd& end) = nullptr;
    std::string_view device_prefix{};  ///< its own device's name is this and the port
};

/// `kind` must be a tunnel.
[[nodiscard]] const Encapsulation& encapsulation(common::EncapKind kind);
[[nodiscard]] const Encapsulation& encapsulation(const TunnelEnd& end);
/// Null if `kind` is not a tunnel, such as L2.
[[nodiscard]] const Encapsulation* find_encapsulation(common::EncapKind kind);

/// "ipip", "gue 5080"
[[nodiscard]] std::string title(const TunnelEnd& end);

/// The part of an end that must be the same for all ends on a port. The packets themselves tell the rest apart.
[[nodiscard]] TunnelEnd claim_of(const TunnelEnd& end, Family outer);
[[nodiscard]] std::set<Family> families_of_port(const TunnelEnd& end);

/// The protocols in the outer IP header.
[[nodiscard]] std::set<std::uint8_t> outer_protocols(const TunnelEnd& end);

/// The IP protocol number of the inner packets.
[[nodiscard]] std::uint8_t protocol_of(Inner inner);

/// The families of the decapsulated packets. GRE carries both.
[[nodiscard]] std::set<Family> carried(Inner inner, const std::set<Family>& vips);

/// Whether an encapsulation may give its own device this name.
[[nodiscard]] bool is_own_device(std::string_view name);

/// All modules that an encapsulation or a device of `tunnels` may need.
[[nodiscard]] std::set<std::string_view> all_modules();

}  // namespace culvert::realserver
