// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <tuple>
#include <variant>

#include "common/encap.hpp"
#include "lbd/encap/keys.hpp"
#include "netlink/address.hpp"

/// The table of encapsulations, with the name and keys of each. shim.cpp has the headers that they add.
namespace culvert::lbd {

/// When the outer UDP header has a checksum. Over IPv6, a zero checksum is an exception that some NICs drop (RFC 6935,
/// 6936).
enum class UdpChecksum : std::uint8_t {
    automatic,  ///< over IPv6 only
    on,
    off,
};

template <typename Encap>
constexpr auto checksum_key() {
    return ChoiceKey<Encap, UdpChecksum, 3>{
        .name = "checksum",
        .member = &Encap::checksum,
        .noun = "a checksum mode",
        .choices = {{{"auto", UdpChecksum::automatic}, {"on", UdpChecksum::on}, {"off", UdpChecksum::off}}},
        .told = Told::never};
}

/// Whether there is a GRE header between the UDP header and the packet.
template <typename Encap>
constexpr auto inner_key() {
    return ChoiceKey<Encap, bool, 2>{.name = "inner",
                                     .member = &Encap::gre,
                                     .noun = "what is inside",
                                     .choices = {{{"ip", false}, {"gre", true}}},
                                     .told = Told::if_not_default};
}

/// Only the destination MAC address of the frame is replaced, by the backend's.
struct L2 {
    static constexpr auto kind = common::EncapKind::l2;
    static constexpr auto keys() { return std::tuple{}; }
    auto operator<=>(const L2&) const = default;
};

/// IP in IP, between any two families: RFC 2003, 2473, 4213.
struct Ipip {
    static constexpr auto kind = common::EncapKind::ipip;
    static constexpr auto keys() { return std::tuple{}; }
    auto operator<=>(const Ipip&) const = default;
};

/// RFC 2784, without key and checksum.
struct Gre {
    static constexpr auto kind = common::EncapKind::gre;
    static constexpr auto keys() { return std::tuple{}; }
    auto operator<=>(const Gre&) const = default;
};

/// Foo over UDP: the packet follows the UDP header directly; the port determines its protocol.
struct Fou {
    static constexpr auto kind = common::EncapKind::fou;

    std::uint16_t port = 0;  ///< destination port, host order
    UdpChecksum checksum = UdpChecksum::automatic;
    bool gre = false;  ///< with a GRE header between, so that one port serves both families

    /// The port has no default, as balancer and backend must use the same.
    static constexpr auto keys() {
        return std::tuple{PortKey<Fou>{"port", &Fou::port, "5004"}, inner_key<Fou>(), checksum_key<Fou>()};
    }
    auto operator<=>(const Fou&) const = default;
};

/// Generic UDP encapsulation: draft-ietf-intarea-gue.
struct Gue {
    static constexpr auto kind = common::EncapKind::gue;

    std::uint16_t port = 0;  ///< destination port, host order
    UdpChecksum checksum = UdpChecksum::automatic;
    bool gre = false;          ///< with a GRE header between; variant 0 only
    std::uint8_t variant = 0;  ///< 0: a header of four bytes; 1: none, told by the IP version (section 4)

    static constexpr auto keys() {
        return std::tuple{PortKey<Gue>{"port", &Gue::port, "5080"},
                          NumberKey<Gue, std::uint8_t>{.name = "variant",
                                                       .member = &Gue::variant,
                                                       .noun = "a variant of GUE",
                                                       .least = 0,
                                                       .most = 1,
                                                       .example = {},
                                                       .told = Told::never},
                          inner_key<Gue>(), checksum_key<Gue>()};
    }
    auto operator<=>(const Gue&) const = default;
};

/// RFC 8926, without options. The client's packet is in an Ethernet frame for the backend's tunnel device.
struct Geneve {
    static constexpr auto kind = common::EncapKind::geneve;

    std::uint32_t vni = 0;                     ///< 24 bits
    std::uint16_t port = common::geneve_port;  ///< destination port, host order
    UdpChecksum checksum = UdpChecksum::automatic;
    netlink::MacAddress mac = common::geneve_mac;  ///< MAC address of that device

    static constexpr auto keys() {
        return std::tuple{NumberKey<Geneve, std::uint32_t>{.name = "vni",
                                                           .member = &Geneve::vni,
                                                           .noun = "a VNI",
                                                           .least = 0,
                                                           .most = common::most_vni,
                                                           .example = "666",
                                                           .told = Told::always},
                          PortKey<Geneve>{"port", &Geneve::port, {}, Told::if_not_default},
                          MacKey<Geneve>{"mac", &Geneve::mac}, checksum_key<Geneve>()};
    }
    auto operator<=>(const Geneve&) const = default;
};

/// Layer-3 DSR: the backend's address replaces the destination, and the DSCP tells the backend which VIP it was.
struct L3dsr {
    static constexpr auto kind = common::EncapKind::l3dsr;

    std::uint8_t dscp = 0;  ///< 1 to 63

    static constexpr auto keys() { return std::tuple{DscpKey<L3dsr>{"dscp", &L3dsr::dscp, "2"}}; }
    auto operator<=>(const L3dsr&) const = default;
};

using Encap = std::variant<L2, Ipip, Gre, Fou, Gue, Geneve, L3dsr>;

/// The encapsulation of this kind, with default values.
[[nodiscard]] Encap encap_of(common::EncapKind kind);

[[nodiscard]] common::EncapKind kind_of(const Encap& encap);

/// Whether the encapsulation adds an outer IP header.
[[nodiscard]] bool is_tunnel(const Encap& encap);

/// The outer UDP destination port, host order; 0 without UDP.
[[nodiscard]] std::uint16_t udp_port(const Encap& encap);

}  // namespace culvert::lbd
