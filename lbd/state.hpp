// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "netlink/address.hpp"

/// What the balancer is told to do, as plain values: what configuration is read into and plans are made from.
namespace culvert::lbd {

using netlink::Family;
using netlink::IpAddress;

/// IANA protocol numbers.
enum class Protocol : std::uint8_t { tcp = 6, udp = 17 };

/// One port of one protocol; port 0 stands for all ports.
struct PortSpec {
    Protocol protocol = Protocol::tcp;
    std::uint16_t port = 0;  ///< host order
    auto operator<=>(const PortSpec&) const = default;
};

/// The frame goes on as it came, to the backend's MAC address.
struct L2 {
    auto operator<=>(const L2&) const = default;
};
/// IP in IP, any family in any: RFC 2003, 2473, 4213.
struct Ipip {
    auto operator<=>(const Ipip&) const = default;
};
/// RFC 2784, no key, no checksum.
struct Gre {
    auto operator<=>(const Gre&) const = default;
};
/// When the outer UDP header carries a checksum. Over IPv6, zero is an exception that some NICs drop (RFC 6935, 6936).
enum class UdpChecksum : std::uint8_t {
    automatic,  ///< over IPv6 only
    on,
    off,
};
/// Foo over UDP: the IP packet follows the UDP header; the port tells its protocol.
struct Fou {
    std::uint16_t port = 0;  ///< destination port, host order
    UdpChecksum checksum = UdpChecksum::automatic;
    auto operator<=>(const Fou&) const = default;
};
/// Generic UDP encapsulation, variant 0: draft-ietf-intarea-gue.
struct Gue {
    std::uint16_t port = 0;  ///< destination port, host order
    UdpChecksum checksum = UdpChecksum::automatic;
    auto operator<=>(const Gue&) const = default;
};
/// Layer-3 DSR: the destination becomes the backend's, and the DSCP field tells the backend which VIP was meant.
struct L3dsr {
    std::uint8_t dscp = 0;  ///< 1 to 63
    auto operator<=>(const L3dsr&) const = default;
};
using Encap = std::variant<L2, Ipip, Gre, Fou, Gue, L3dsr>;

enum class BackendState : std::uint8_t {
    active,
    drain,  ///< keeps its flows, takes no new ones
};

struct Backend {
    std::string name;  ///< the address' text unless the configuration gives one; unique in its service
    IpAddress address;
    Encap encap;
    std::uint16_t weight = 1;  ///< 0: takes no new flows
    BackendState state = BackendState::active;
    bool operator==(const Backend&) const = default;
};

struct Service {
    std::string name;  ///< unique
    IpAddress vip;
    std::vector<PortSpec> ports;       ///< not empty, no two alike
    std::uint32_t table_size = 65537;  ///< Maglev table entries, a prime
    std::vector<Backend> backends;
    bool operator==(const Service&) const = default;
};

enum class XdpMode : std::uint8_t {
    automatic,  ///< native where the driver has it, generic otherwise
    native,
    generic,
};

struct Flows {
    std::uint64_t entries = 4ULL << 20;  ///< 8 bytes each; a power of two
    std::chrono::milliseconds idle{120'000};
    bool operator==(const Flows&) const = default;
};

struct Config {
    std::vector<std::string> interfaces;  ///< not empty
    XdpMode xdp = XdpMode::automatic;
    Flows flows;
    std::vector<Service> services;
    bool operator==(const Config&) const = default;
};

}  // namespace culvert::lbd
