// SPDX-License-Identifier: Apache-2.0
#include "netlink/link.hpp"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <algorithm>

namespace culvert::netlink {

namespace {

std::optional<Parsed<ifinfomsg>> parse_link(Bytes message) {
    auto parsed = parse<ifinfomsg>(message);
    if (!parsed || parsed->header.ifi_family != AF_UNSPEC) return std::nullopt;
    const auto type = parsed->message.nlmsg_type;
    return type == RTM_NEWLINK || type == RTM_DELLINK ? parsed : std::nullopt;
}

Vlan decode_vlan(const Attributes& data) {
    return {.id = data.u16(IFLA_VLAN_ID).value_or(0),
            .protocol = data.be16(IFLA_VLAN_PROTOCOL).value_or(Vlan{}.protocol)};
}

Bond decode_bond(const Attributes& data) {
    return {.mode = data.u8(IFLA_BOND_MODE).value_or(0), .active = data.u32(IFLA_BOND_ACTIVE_SLAVE).value_or(0)};
}

decltype(Link::details) decode_details(const std::string& kind, const Attributes& data) {
    if (auto tunnel = decode_tunnel_device(kind, data)) return *std::move(tunnel);
    if (kind == "vlan") return decode_vlan(data);
    if (kind == "bond") return decode_bond(data);
    return std::monostate{};
}

std::optional<Xdp> decode_xdp(const Attributes& data) {
    const auto mode = data.u8(IFLA_XDP_ATTACHED);
    if (!mode || *mode == XDP_ATTACHED_NONE) return std::nullopt;
    return Xdp{.mode = *mode, .program = data.u32(IFLA_XDP_PROG_ID).value_or(0)};
}

std::vector<std::string> decode_alternative_names(const Attributes& list) {
    std::vector<std::string> names;
    for (const Attribute& property : list)
        if (property.type == IFLA_ALT_IFNAME) names.push_back(read_text(property.payload));
    return names;
}

std::string_view own_kind(const Tunnel& tunnel) { return name(tunnel.kind); }
std::string_view own_kind(const Geneve& /*geneve*/) { return geneve_kind; }

std::string_view module_with(const Tunnel& tunnel) { return module_of(tunnel.kind); }
std::string_view module_with(const Geneve& /*geneve*/) { return geneve_kind; }

}  // namespace

std::string_view kind_name(const TunnelDevice& device) {
    return std::visit([](const auto& of) { return own_kind(of); }, device);
}

std::string_view module_of(const TunnelDevice& device) {
    return std::visit([](const auto& of) { return module_with(of); }, device);
}

std::optional<TunnelDevice> decode_tunnel_device(std::string_view kind, const Attributes& data) {
    if (const auto tunnel = tunnel_kind(kind)) return decode_tunnel(*tunnel, data);
    if (kind == geneve_kind) return decode_geneve(data);
    return std::nullopt;
}

bool Link::is_up() const { return (flags & IFF_UP) != 0; }

bool Link::has_carrier() const { return (flags & IFF_LOWER_UP) != 0; }

bool Link::is_loopback() const { return (flags & IFF_LOOPBACK) != 0; }

bool Link::is_called(std::string_view other) const {
    return name == other || std::ranges::find(alternative_names, other) != alternative_names.end();
}

std::optional<Link> decode_link(Bytes message) {
    const auto parsed = parse_link(message);
    if (!parsed) return std::nullopt;
    const auto& [_, header, attributes] = *parsed;
    const Attributes info = attributes.nested(IFLA_LINKINFO);

    Link link;
    link.index = static_cast<std::uint32_t>(header.ifi_index);
    link.name = attributes.text(IFLA_IFNAME);
    link.kind = info.text(IFLA_INFO_KIND);
    link.hardware = header.ifi_type;
    link.flags = header.ifi_flags;
    link.mtu = attributes.u32(IFLA_MTU).value_or(0);
    link.mac = attributes.mac(IFLA_ADDRESS);
    link.master = attributes.u32(IFLA_MASTER).value_or(0);
    link.lower = attributes.u32(IFLA_LINK).value_or(0);
    link.lower_netns = attributes.structure<std::int32_t>(IFLA_LINK_NETNSID);
    link.alias = attributes.text(IFLA_IFALIAS);
    link.alternative_names = decode_alternative_names(attributes.nested(IFLA_PROP_LIST));
    link.xdp = decode_xdp(attributes.nested(IFLA_XDP));
    link.details = decode_details(link.kind, info.nested(IFLA_INFO_DATA));
    return link;
}

std::optional<LinkStats> decode_link_stats(Bytes message) {
    const auto parsed = parse_link(message);
    if (!parsed) return std::nullopt;
    const auto stats = parsed->attributes.structure<rtnl_link_stats64>(IFLA_STATS64);
    if (!stats) return std::nullopt;
    return LinkStats{
        .rx_packets = stats->rx_packets,
        .rx_bytes = stats->rx_bytes,
        .rx_errors = stats->rx_errors,
        .rx_dropped = stats->rx_dropped,
        .tx_packets = stats->tx_packets,
        .tx_bytes = stats->tx_bytes,
        .tx_errors = stats->tx_errors,
        .tx_dropped = stats->tx_dropped,
    };
}

}  // namespace culvert::netlink
