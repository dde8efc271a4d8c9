// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "netlink/address.hpp"
#include "netlink/attributes.hpp"
#include "netlink/geneve.hpp"
#include "netlink/tunnel.hpp"

namespace culvert::netlink {

struct Vlan {
    std::uint16_t id = 0;             ///< 12 bits
    std::uint16_t protocol = 0x8100;  ///< EtherType, host order: 0x8100 or 0x88a8

    bool operator==(const Vlan&) const = default;
};

struct Bond {
    std::uint8_t mode = 0;     ///< BOND_MODE_* of linux/if_bonding.h
    std::uint32_t active = 0;  ///< index of the active member in the modes that have one; 0: none

    bool operator==(const Bond&) const = default;
};

/// The parameters of a tunnel device.
using TunnelDevice = std::variant<Tunnel, Geneve>;

/// As in IFLA_INFO_KIND: "ip6tnl"
[[nodiscard]] std::string_view kind_name(const TunnelDevice& device);
/// The kernel module that has the kind: "ip_gre".
[[nodiscard]] std::string_view module_of(const TunnelDevice& device);
/// Reads the attributes of IFLA_INFO_DATA; nothing if it is no kind of tunnel.
[[nodiscard]] std::optional<TunnelDevice> decode_tunnel_device(std::string_view kind, const Attributes& data);

/// The XDP program of a link.
struct Xdp {
    std::uint8_t mode = 0;      ///< XDP_ATTACHED_* of linux/if_link.h
    std::uint32_t program = 0;  ///< BPF program id; 0 if several are attached (XDP_ATTACHED_MULTI)

    bool operator==(const Xdp&) const = default;
};

/// A network device, as the kernel reports it. Counters are separate (LinkStats), as they change without a change of
/// the link.
struct Link {
    std::uint32_t index = 0;
    std::string name;
    std::string kind;               ///< IFLA_INFO_KIND: "veth", "ipip", "bond", …; empty: hardware, loopback
    std::uint16_t hardware = 0;     ///< ARPHRD_* of linux/if_arp.h
    std::uint32_t flags = 0;        ///< IFF_* of linux/if.h
    std::uint32_t mtu = 0;          ///< bytes
    std::optional<MacAddress> mac;  ///< none if the hardware address is not an Ethernet address
    std::uint32_t master = 0;       ///< index of the bond, bridge or VRF above; 0: none
    std::uint32_t lower = 0;        ///< index of the VLAN's parent, the veth's peer, …; 0: none
    std::optional<std::int32_t> lower_netns;  ///< id of the network namespace of index `lower`, if another one
    std::string alias;                        ///< free text
    std::vector<std::string> alternative_names;
    std::optional<Xdp> xdp;
    std::variant<std::monostate, Vlan, Bond, TunnelDevice> details;

    bool operator==(const Link&) const = default;

    [[nodiscard]] bool is_up() const;        ///< the administrative state (IFF_UP)
    [[nodiscard]] bool has_carrier() const;  ///< IFF_LOWER_UP
    [[nodiscard]] bool is_loopback() const;
    /// Compares with its name and its alternative names.
    [[nodiscard]] bool is_called(std::string_view other) const;
};

/// Packets and bytes since the device was created (struct rtnl_link_stats64).
struct LinkStats {
    std::uint64_t rx_packets = 0;
    std::uint64_t rx_bytes = 0;
    std::uint64_t rx_errors = 0;
    std::uint64_t rx_dropped = 0;
    std::uint64_t tx_packets = 0;
    std::uint64_t tx_bytes = 0;
    std::uint64_t tx_errors = 0;
    std::uint64_t tx_dropped = 0;

    bool operator==(const LinkStats&) const = default;
};

/// From one RTM_NEWLINK or RTM_DELLINK message; nothing if it is malformed or of another address family (a bridge's).
[[nodiscard]] std::optional<Link> decode_link(Bytes message);
[[nodiscard]] std::optional<LinkStats> decode_link_stats(Bytes message);

}  // namespace culvert::netlink
