// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "common/encap.hpp"
#include "netlink/address.hpp"
#include "netlink/tunnel.hpp"
#include "realserver/model/decap.hpp"

/// The configuration file of this backend, with all defaults filled in.
namespace culvert::realserver {

using netlink::Family;
using netlink::IpAddress;
using netlink::Prefix;

/// What decapsulates.
enum class Via : std::uint8_t {
    automatic,  ///< the kernel where it can, otherwise XDP
    kernel,     ///< its tunnel devices
    xdp,
};

[[nodiscard]] constexpr Inner inner_of(Family family) { return family == Family::ipv4 ? Inner::ipv4 : Inner::ipv6; }

/// Our end of the tunnels of one encapsulation, from all balancers. The table of encapsulations
/// (receive/encapsulation.hpp) tells which members are used.
struct TunnelEnd {
    common::EncapKind encap = common::EncapKind::ipip;
    std::uint16_t port = 0;  ///< UDP, host order; 0: not in UDP
    std::uint32_t vni = 0;   ///< 24 bits
    std::set<Family> outer;
    std::set<Inner> inner;           ///< exactly one if the port carries one protocol
    std::optional<IpAddress> local;  ///< only to this address
    std::optional<IpAddress> peer;   ///< only from this address and `peer_port`
    std::uint16_t peer_port = 0;     ///< host order
    std::string device;              ///< that packets must arrive at; empty: any
    Via via = Via::automatic;
    bool operator==(const TunnelEnd&) const = default;
};

/// Packets to this host with this DSCP are for the VIP.
struct L3dsr {
    std::uint8_t dscp = 0;  ///< 1 to 63
    IpAddress vip;
    bool operator==(const L3dsr&) const = default;
};

/// Packets arrive at this host's MAC address with the VIP as their destination.
struct L2 {
    bool operator==(const L2&) const = default;
};

using Receive = std::variant<TunnelEnd, L3dsr, L2>;

/// A separate tunnel device to one other host. For FOU and GUE with a fixed source port, that port also receives the
/// other host's packets.
struct PointToPoint {
    std::string name;
    netlink::Tunnel parameters;  ///< with `local` and `remote`
    bool operator==(const PointToPoint&) const = default;
};

enum class Policy : std::uint8_t {
    managed,  ///< set what is needed, restore it at teardown
    leave,    ///< change nothing
};

/// The largest TCP segment that VIPs announce to clients (MSS).
struct Mss {
    bool automatic = true;              ///< what fits the narrowest tunnel
    std::optional<std::uint16_t> size;  ///< bytes; none: no limit. Used only if not automatic.
    bool operator==(const Mss&) const = default;
};

[[nodiscard]] std::set<Family> families(const std::vector<Prefix>& prefixes);

/// As configured. L2 and L3DSR need no decapsulation: the kernel.
[[nodiscard]] Via via(const Receive& receive);

/// Nothing in it depends on the host. A Desired has what is decided once the host is known.
struct Config {
    std::vector<Prefix> balancers;
    std::vector<Prefix> vips;           ///< not empty, without duplicates
    std::vector<Receive> receive;       ///< may be empty only if `tunnels` is not
    std::vector<PointToPoint> tunnels;  ///< with unique names
    Guard guard = Guard::strict;
    std::vector<std::string> interfaces;  ///< at which balancers' packets arrive; empty: those towards balancers
    std::vector<Prefix> tunnel_peers;     ///< other ends of foreign tunnels that use the same protocols
    Mss mss;
    std::optional<std::uint32_t> mtu;  ///< bytes: of the paths from the balancers; none: not configured
    Policy rp_filter = Policy::managed;
    Policy arp = Policy::managed;
    bool operator==(const Config&) const = default;
};

}  // namespace culvert::realserver
