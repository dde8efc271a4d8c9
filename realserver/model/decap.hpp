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
#include "netlink/result.hpp"

/// Decapsulation by XDP, as plain values.
namespace culvert::realserver {

/// What a tunnel carries directly behind its own header.
enum class Inner : std::uint8_t { ipv4, ipv6, gre };

/// The use of a UDP port.
struct DecapPort {
    common::EncapKind encap = common::EncapKind::gue;  ///< one in UDP
    std::set<Inner> inner;
    std::set<std::uint32_t> vnis;             ///< for encapsulations with VNIs
    std::optional<netlink::IpAddress> local;  ///< only to this address
    std::optional<netlink::IpAddress> peer;   ///< only from this address and `peer_port`
    std::uint16_t peer_port = 0;              ///< host order
    bool operator==(const DecapPort&) const = default;
};

/// What happens to tunnel packets that come from no balancer, or that are for no VIP.
enum class Guard : std::uint8_t {
    strict,  ///< dropped and counted
    log,     ///< counted, logged if the kernel decapsulates, and accepted
    off,
};

/// All settings of a program. Families are outer ones, except in sets.
struct DecapProgram {
    using Families = std::map<netlink::Family, std::set<netlink::Family>>;

    Families ipip;
    Families gre;
    std::map<std::pair<std::uint16_t, netlink::Family>, DecapPort> ports;
    std::set<netlink::Prefix> balancers;  ///< one of these must contain the outer source
    std::set<netlink::Prefix> vips;       ///< one of these must contain the inner destination, none the inner source
    std::set<netlink::IpAddress> own;     ///< one of these must be the outer destination, none the inner source
    Guard guard = Guard::strict;
    bool operator==(const DecapProgram&) const = default;
};

enum class XdpMode : std::uint8_t {
    native,   ///< in the driver
    generic,  ///< behind the driver, for drivers without XDP
};

/// The XDP program of a network device.
struct Decap {
    std::string device;
    std::optional<DecapProgram> program;     ///< none: a foreign program, or one that cannot be read
    std::optional<XdpMode> mode;             ///< none if wanted, and both modes will do
    std::string removal{};                   ///< of a foreign program: the command that detaches it
    std::optional<netlink::Error> unread{};  ///< why it is not known whose program it is
    bool operator==(const Decap&) const = default;
};

/// The addresses in which the found program differs from the wanted one: "lacks VIP 192.0.2.1".
[[nodiscard]] std::vector<std::string> differences(const DecapProgram& wanted, const DecapProgram& found);

/// "ipip, gue 5080"
[[nodiscard]] std::string describe(const DecapProgram& program);
/// "xdp native: ipip, gue 5080"
[[nodiscard]] std::string describe(const Decap& decap);

}  // namespace culvert::realserver
