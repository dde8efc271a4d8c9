// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/encap.hpp"
#include "netlink/address.hpp"

/// Decapsulation by XDP, as plain values.
namespace culvert::realserver {

/// What a tunnel carries next to its own header.
enum class Inner : std::uint8_t { ipv4, ipv6, gre };

/// What a UDP port is for.
struct DecapPort {
    common::EncapKind encap = common::EncapKind::gue;  ///< one in UDP
    std::set<Inner> inner;
    std::set<std::uint32_t> vnis;             ///< of one that has them
    std::optional<netlink::IpAddress> local;  ///< only for this address
    std::optional<netlink::IpAddress> peer;   ///< only from this address and `peer_port`
    std::uint16_t peer_port = 0;              ///< host order
    bool operator==(const DecapPort&) const = default;
};

/// What becomes of packets in tunnels that come from no balancer, or that are for no VIP.
enum class Guard : std::uint8_t {
    strict,  ///< dropped and counted
    log,     ///< counted, logged where the kernel unwraps, and let pass
    off,
};

/// All that a program is set to. Families are outer ones, but in sets.
struct DecapProgram {
    using Families = std::map<netlink::Family, std::set<netlink::Family>>;

    Families ipip;
    Families gre;
    std::map<std::pair<std::uint16_t, netlink::Family>, DecapPort> ports;
    std::set<netlink::Prefix> balancers;  ///< whom the outer source must be one of
    std::set<netlink::Prefix> vips;       ///< what the inner destination must be one of, and the inner source none of
    std::set<netlink::IpAddress> own;     ///< what the outer destination must be one of, and the inner source none of
    Guard guard = Guard::strict;
    bool operator==(const DecapProgram&) const = default;
};

enum class XdpMode : std::uint8_t {
    native,   ///< in the driver
    generic,  ///< in the stack, for drivers that cannot
};

/// The XDP program of a network device.
struct Decap {
    std::string device;
    std::optional<DecapProgram> program;  ///< none: somebody else's
    std::optional<XdpMode> mode;          ///< of what is wanted none where either will do
    std::string removal{};                ///< of somebody else's program: the command that takes it away
    bool operator==(const Decap&) const = default;
};

/// What sets a found program apart from the wanted one, of whom and what it lets in: "lacks VIP 192.0.2.1".
[[nodiscard]] std::vector<std::string> differences(const DecapProgram& wanted, const DecapProgram& found);

/// "ipip, gue 5080"
[[nodiscard]] std::string describe(const DecapProgram& program);
/// "xdp native: ipip, gue 5080"
[[nodiscard]] std::string describe(const Decap& decap);

}  // namespace culvert::realserver
