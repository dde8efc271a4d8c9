// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "netlink/address.hpp"
#include "netlink/nftables/expression.hpp"

/// Rules as nft(8) reads them, step by step. Each step gives the very expressions that nft 1.0.6 generates for the text
/// beside it, so `nft list` shows that text.
namespace culvert::netlink::nft {

struct Rule;

/// Conditions on the packet itself.
struct PacketConditions {
    Rule& nfproto(Family family);          ///< meta nfproto ipv4
    Rule& l4proto(std::uint8_t protocol);  ///< meta l4proto 17
    /// meta l4proto != 255, an unused number: matches if the kernel finds a protocol behind IPv6's extension headers
    Rule& l4proto_known();
    Rule& dscp(Family family, std::uint8_t dscp);        ///< ip dscp 2 · ip6 dscp 2; 0 to 63
    Rule& saddr(const Prefix& prefix);                   ///< ip saddr 192.0.2.0/24
    Rule& daddr(const Prefix& prefix);                   ///< ip daddr 192.0.2.0/24
    Rule& saddr_in(Family family, std::string set);      ///< ip saddr @set
    Rule& saddr_not_in(Family family, std::string set);  ///< ip saddr != @set
    Rule& daddr_not_in(Family family, std::string set);  ///< ip daddr != @set
    Rule& later_fragment();                              ///< meta nfproto ipv6 frag frag-off != 0
    /// th dport 53; after l4proto. In later fragments the kernel takes payload for the transport header, here and
    /// below.
    Rule& dport(std::uint16_t port);
    /// @th,64,16 4: big endian, from byte `offset` of the transport header
    Rule& transport(std::uint32_t offset, const Bytes& value);
    Rule& transport_not(std::uint32_t offset, const Bytes& value);                        ///< @th,0,32 != 2048
    Rule& transport_masked(std::uint32_t offset, const Bytes& mask, const Bytes& value);  ///< @th,64,8 & 0xf0 == 64
    Rule& tcp_syn();                                                                      ///< tcp flags & syn != 0

    bool operator==(const PacketConditions&) const = default;
};

/// Conditions on what the host knows about the packet: its interface, its marks, its route.
struct HostConditions {
    Rule& iifname(std::string_view name);   ///< iifname "tunl0"; "tun*" matches any name with this prefix
    Rule& iifname_in(std::string set);      ///< iifname @set
    Rule& iifname_not_in(std::string set);  ///< iifname != @set
    /// meta iifkind @set: names as in `ip link add … type`. Ends the rule if the device has no kind, as hardware.
    Rule& iifkind_in(std::string set);
    Rule& priority_has(std::uint32_t bits);    ///< meta priority & 8000:0 != none: any of the bits
    Rule& priority_lacks(std::uint32_t bits);  ///< meta priority & 8000:0 == none: none of the bits
    Rule& mark_has(std::uint32_t bits);        ///< meta mark & 0x1000 != 0: any of the bits
    Rule& fib_saddr_local();                   ///< fib saddr type local
    Rule& fib_saddr_not_local();               ///< fib saddr type != local
    Rule& fib_saddr_not_by_iif();              ///< fib saddr . iif oif missing
    Rule& fib_daddr_local_to_iif();            ///< fib daddr . iif type local
    Rule& fib_daddr_local();                   ///< fib daddr type local

    bool operator==(const HostConditions&) const = default;
};

/// Statements: what happens to a packet that meets the conditions.
struct Statements {
    /// meta priority set meta priority & 3fff:ffff | 4000:0: clears bits, then sets bits
    Rule& change_priority(std::uint32_t clear, std::uint32_t set);
    Rule& change_mark(std::uint32_t clear, std::uint32_t set);  ///< meta mark set meta mark & 0xffffefff
    Rule& set_daddr(const IpAddress& address);                  ///< ip daddr set 192.0.2.1
    Rule& set_mss(std::uint16_t size);                          ///< tcp option maxseg size set 1400; after tcp_syn
    Rule& limit(std::uint64_t each_second);                     ///< limit rate 10/second
    Rule& log(std::string prefix);                              ///< log prefix "text"
    Rule& counter();
    Rule& notrack();
    Rule& accept();
    Rule& drop();
    Rule& jump(std::string chain);
    Rule& go_to(std::string chain);        ///< goto chain
    Rule& back();                          ///< return
    Rule& with_comment(std::string text);  ///< comment "text"

    bool operator==(const Statements&) const = default;
};

/// `Rule{}.nfproto(Family::ipv4).dscp(Family::ipv4, 2).set_daddr(vip).notrack()`
struct Rule : PacketConditions, HostConditions, Statements {
    std::vector<Expression> expressions{};
    std::string comment{};  ///< shown by `nft list`; up to 127 bytes

    bool operator==(const Rule&) const = default;
};

}  // namespace culvert::netlink::nft
