// SPDX-License-Identifier: Apache-2.0
#include "netlink/tunnel.hpp"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_tunnel.h>
#include <linux/ip6_tunnel.h>

#include <algorithm>
#include <array>

namespace culvert::netlink {

namespace {

/// ipip, sit and ip6tnl have IFLA_IPTUN_*, the GRE kinds IFLA_GRE_*, vti and vti6 IFLA_VTI_*: different numbers for the
/// same attributes.
struct Dialect {
    int link, local, remote, ttl, tos, path_mtu_discovery, encap_limit, flow_info, flags, external;
    int encap_type, encap_flags, encap_source_port, encap_destination_port;
};

constexpr Dialect iptun{
    .link = IFLA_IPTUN_LINK,
    .local = IFLA_IPTUN_LOCAL,
    .remote = IFLA_IPTUN_REMOTE,
    .ttl = IFLA_IPTUN_TTL,
    .tos = IFLA_IPTUN_TOS,
    .path_mtu_discovery = IFLA_IPTUN_PMTUDISC,
    .encap_limit = IFLA_IPTUN_ENCAP_LIMIT,
    .flow_info = IFLA_IPTUN_FLOWINFO,
    .flags = IFLA_IPTUN_FLAGS,
    .external = IFLA_IPTUN_COLLECT_METADATA,
    .encap_type = IFLA_IPTUN_ENCAP_TYPE,
    .encap_flags = IFLA_IPTUN_ENCAP_FLAGS,
    .encap_source_port = IFLA_IPTUN_ENCAP_SPORT,
    .encap_destination_port = IFLA_IPTUN_ENCAP_DPORT,
};

constexpr Dialect gre{
    .link = IFLA_GRE_LINK,
    .local = IFLA_GRE_LOCAL,
    .remote = IFLA_GRE_REMOTE,
    .ttl = IFLA_GRE_TTL,
    .tos = IFLA_GRE_TOS,
    .path_mtu_discovery = IFLA_GRE_PMTUDISC,
    .encap_limit = IFLA_GRE_ENCAP_LIMIT,
    .flow_info = IFLA_GRE_FLOWINFO,
    .flags = IFLA_GRE_FLAGS,
    .external = IFLA_GRE_COLLECT_METADATA,
    .encap_type = IFLA_GRE_ENCAP_TYPE,
    .encap_flags = IFLA_GRE_ENCAP_FLAGS,
    .encap_source_port = IFLA_GRE_ENCAP_SPORT,
    .encap_destination_port = IFLA_GRE_ENCAP_DPORT,
};

/// The attributes of vti and vti6 that are read; number 0 stands for none.
constexpr Dialect vti{.link = IFLA_VTI_LINK, .local = IFLA_VTI_LOCAL, .remote = IFLA_VTI_REMOTE};

struct Kind {
    TunnelKind kind;
    std::string_view name;
    std::string_view module;
    Family outer;
    const Dialect& dialect;
};

constexpr std::array kinds{
    Kind{TunnelKind::ipip, "ipip", "ipip", Family::ipv4, iptun},
    Kind{TunnelKind::sit, "sit", "sit", Family::ipv4, iptun},
    Kind{TunnelKind::ip6tnl, "ip6tnl", "ip6_tunnel", Family::ipv6, iptun},
    Kind{TunnelKind::gre, "gre", "ip_gre", Family::ipv4, gre},
    Kind{TunnelKind::gretap, "gretap", "ip_gre", Family::ipv4, gre},
    Kind{TunnelKind::ip6gre, "ip6gre", "ip6_gre", Family::ipv6, gre},
    Kind{TunnelKind::ip6gretap, "ip6gretap", "ip6_gre", Family::ipv6, gre},
    Kind{TunnelKind::erspan, "erspan", "ip_gre", Family::ipv4, gre},
    Kind{TunnelKind::ip6erspan, "ip6erspan", "ip6_gre", Family::ipv6, gre},
    Kind{TunnelKind::vti, "vti", "ip_vti", Family::ipv4, vti},
    Kind{TunnelKind::vti6, "vti6", "ip6_vti", Family::ipv6, vti},
};

const Kind& entry(TunnelKind kind) { return *std::ranges::find(kinds, kind, &Kind::kind); }

constexpr std::uint8_t tos_inherit = 1;
constexpr int traffic_class_shift = 20;  // in the flow information: RFC 8200 section 3

void encode_traffic_class(Message& data, const Dialect& dialect, const Tunnel& tunnel) {
    std::uint32_t flags = tunnel.encap_limit ? 0 : IP6_TNL_F_IGN_ENCAP_LIMIT;
    if (tunnel.tos == tos_inherit) flags |= IP6_TNL_F_USE_ORIG_TCLASS;
    data.u32(dialect.flags, flags);
    data.u8(dialect.encap_limit, tunnel.encap_limit.value_or(0));
    if (tunnel.tos != tos_inherit)
        data.be32(dialect.flow_info, static_cast<std::uint32_t>(tunnel.tos) << traffic_class_shift);
}

void decode_traffic_class(Tunnel& tunnel, const Dialect& dialect, const Attributes& data) {
    const std::uint32_t flags = data.u32(dialect.flags).value_or(0);
    if ((flags & IP6_TNL_F_IGN_ENCAP_LIMIT) == 0) tunnel.encap_limit = data.u8(dialect.encap_limit);
    tunnel.tos = (flags & IP6_TNL_F_USE_ORIG_TCLASS) != 0
                     ? tos_inherit
                     : static_cast<std::uint8_t>(data.be32(dialect.flow_info).value_or(0) >> traffic_class_shift);
}

void encode_key(Message& data, int flags_type, int key_type, const std::optional<std::uint32_t>& key) {
    data.u16(flags_type, key ? GRE_KEY : 0);
    data.be32(key_type, key.value_or(0));
}

std::optional<std::uint32_t> decode_key(const Attributes& data, int flags_type, int key_type) {
    return (data.u16(flags_type).value_or(0) & GRE_KEY) != 0 ? data.be32(key_type) : std::nullopt;
}

std::optional<IpAddress> decode_endpoint(const Attributes& data, int type, Family outer) {
    const auto address = data.address(type);
    return address && address->family() == outer && !address->is_any() ? address : std::nullopt;
}

void encode_encap(Message& data, const Dialect& dialect, const Encap& encap) {
    const int flags = (encap.checksum ? TUNNEL_ENCAP_FLAG_CSUM : 0) | (encap.checksum6 ? TUNNEL_ENCAP_FLAG_CSUM6 : 0) |
                      (encap.remote_checksum ? TUNNEL_ENCAP_FLAG_REMCSUM : 0);
    data.u16(dialect.encap_type, static_cast<std::uint16_t>(encap.type));
    data.u16(dialect.encap_flags, static_cast<std::uint16_t>(flags));
    data.be16(dialect.encap_source_port, encap.source_port);
    data.be16(dialect.encap_destination_port, encap.destination_port);
}

Encap decode_encap(const Attributes& data, const Dialect& dialect) {
    const std::uint16_t flags = data.u16(dialect.encap_flags).value_or(0);
    return {
        .type = static_cast<EncapType>(data.u16(dialect.encap_type).value_or(0)),
        .source_port = data.be16(dialect.encap_source_port).value_or(0),
        .destination_port = data.be16(dialect.encap_destination_port).value_or(0),
        .checksum = (flags & TUNNEL_ENCAP_FLAG_CSUM) != 0,
        .checksum6 = (flags & TUNNEL_ENCAP_FLAG_CSUM6) != 0,
        .remote_checksum = (flags & TUNNEL_ENCAP_FLAG_REMCSUM) != 0,
    };
}

}  // namespace

std::string_view name(TunnelKind kind) { return entry(kind).name; }

std::optional<TunnelKind> tunnel_kind(std::string_view name) {
    const auto* const found = std::ranges::find(kinds, name, &Kind::name);
    return found != kinds.end() ? std::optional(found->kind) : std::nullopt;
}

bool is_gre(TunnelKind kind) { return &entry(kind).dialect == &gre; }

std::string_view module_of(TunnelKind kind) { return entry(kind).module; }

Family outer_family(TunnelKind kind) { return entry(kind).outer; }

void encode(Message& data, const Tunnel& tunnel) {
    const auto& [kind, name, module, outer, dialect] = entry(tunnel.kind);
    data.u32(dialect.link, tunnel.link);
    // An omitted address is any address. gretap refuses the any address if it is given.
    if (tunnel.local) data.address(dialect.local, *tunnel.local);
    if (tunnel.remote) data.address(dialect.remote, *tunnel.remote);
    data.u8(dialect.ttl, tunnel.ttl);
    if (outer == Family::ipv4) {
        data.u8(dialect.tos, tunnel.tos);
        data.u8(dialect.path_mtu_discovery, tunnel.path_mtu_discovery ? 1 : 0);
    } else {
        encode_traffic_class(data, dialect, tunnel);
    }
    if (tunnel.external) data.flag(dialect.external);
    if (&dialect == &iptun) {
        data.u8(IFLA_IPTUN_PROTO, static_cast<std::uint8_t>(tunnel.inner));
    } else {
        encode_key(data, IFLA_GRE_IFLAGS, IFLA_GRE_IKEY, tunnel.input_key);
        encode_key(data, IFLA_GRE_OFLAGS, IFLA_GRE_OKEY, tunnel.output_key);
    }
    encode_encap(data, dialect, tunnel.encap);
}

Tunnel decode_tunnel(TunnelKind tunnel_kind, const Attributes& data) {
    const auto& [kind, name, module, outer, dialect] = entry(tunnel_kind);
    Tunnel tunnel{.kind = kind};
    tunnel.link = data.u32(dialect.link).value_or(0);
    tunnel.local = decode_endpoint(data, dialect.local, outer);
    tunnel.remote = decode_endpoint(data, dialect.remote, outer);
    tunnel.ttl = data.u8(dialect.ttl).value_or(0);
    if (outer == Family::ipv4) {
        tunnel.tos = data.u8(dialect.tos).value_or(0);
        tunnel.path_mtu_discovery = data.u8(dialect.path_mtu_discovery).value_or(1) != 0;
    } else {
        decode_traffic_class(tunnel, dialect, data);
    }
    tunnel.external = data.flag(dialect.external);
    if (&dialect == &iptun) {
        tunnel.inner = static_cast<TunnelInner>(data.u8(IFLA_IPTUN_PROTO).value_or(0));
    } else if (&dialect == &vti) {
        const std::uint32_t key = data.be32(IFLA_VTI_IKEY).value_or(0);
        if (key != 0) tunnel.input_key = key;
    } else {
        tunnel.input_key = decode_key(data, IFLA_GRE_IFLAGS, IFLA_GRE_IKEY);
        tunnel.output_key = decode_key(data, IFLA_GRE_OFLAGS, IFLA_GRE_OKEY);
    }
    tunnel.encap = decode_encap(data, dialect);
    return tunnel;
}

}  // namespace culvert::netlink
