// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "netlink/link.hpp"

/// Tunnel devices, and the differences between their kinds.
namespace culvert::realserver {

/// A tunnel device that decapsulates, of any name. In the current state the kernel's fallback devices are among them.
struct Device {
    std::string name;
    netlink::TunnelDevice parameters;
    std::optional<netlink::MacAddress> mac;  ///< for devices that carry Ethernet frames; others may have any
    bool operator==(const Device&) const = default;
};

/// Nothing if it is not a tunnel.
[[nodiscard]] std::optional<Device> device_of(const netlink::Link& link);

/// The inner protocols that an ip6tnl device accepts, as ip(8) names them: "ip4ip6"
[[nodiscard]] std::string_view mode_name(netlink::TunnelInner inner);

/// "ipip, external"
[[nodiscard]] std::string describe(const Device& device);

/// The family of the outer packets; none: both.
[[nodiscard]] std::optional<netlink::Family> outer_family(const Device& device);

/// The UDP port, in host order, that the device opens for both families when it is up.
[[nodiscard]] std::optional<std::uint16_t> port_of(const Device& device);

/// Whether the kernel can change the one into the other. It can change parameters of a tunnel, but not its kind
/// (net/ipv4/ip_tunnel.c, ip_tunnel_changelink), and no parameter of Geneve that we use.
[[nodiscard]] bool can_become(const Device& device, const Device& wanted);

/// Whether both receive the same packets: the kernel allows only one such device (ip_tunnel_find, geneve_configure).
[[nodiscard]] bool receive_the_same(const Device& one, const Device& other);

template <typename T, typename Of>
concept MaybeConst = std::same_as<std::remove_const_t<T>, Of>;

/// Calls `visit` with the name, as in the record, and the value of each parameter.
template <MaybeConst<netlink::Tunnel> Tunnel>
void for_each_parameter(Tunnel& tunnel, auto&& visit) {
    visit("local", tunnel.local);
    visit("remote", tunnel.remote);
    visit("link", tunnel.link);
    visit("ttl", tunnel.ttl);
    visit("tos", tunnel.tos);
    visit("path_mtu_discovery", tunnel.path_mtu_discovery);
    visit("encap_limit", tunnel.encap_limit);
    visit("external", tunnel.external);
    visit("inner", tunnel.inner);
    visit("input_key", tunnel.input_key);
    visit("output_key", tunnel.output_key);
    visit("encap", tunnel.encap);
}

template <MaybeConst<netlink::Encap> Encap>
void for_each_parameter(Encap& encap, auto&& visit) {
    visit("type", encap.type);
    visit("source_port", encap.source_port);
    visit("destination_port", encap.destination_port);
    visit("checksum", encap.checksum);
    visit("checksum6", encap.checksum6);
    visit("remote_checksum", encap.remote_checksum);
}

template <MaybeConst<netlink::Geneve> Geneve>
void for_each_parameter(Geneve& geneve, auto&& visit) {
    visit("vni", geneve.vni);
    visit("remote", geneve.remote);
    visit("port", geneve.port);
    visit("ttl", geneve.ttl);
    visit("tos", geneve.tos);
    visit("external", geneve.external);
    visit("inner_proto_inherit", geneve.inner_proto_inherit);
    visit("checksum", geneve.checksum);
    visit("zero_checksum6_send", geneve.zero_checksum6_send);
    visit("zero_checksum6_accept", geneve.zero_checksum6_accept);
}

}  // namespace culvert::realserver
