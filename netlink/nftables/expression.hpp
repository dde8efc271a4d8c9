// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/netfilter/nf_tables.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

/// The expressions of nf_tables as values. Numbers are the kernel's (linux/netfilter/nf_tables.h), so that a number
/// without a name here survives decoding and compares unequal. Registers hold data in network order, except marks and
/// priorities (host order).
namespace culvert::netlink::nft {

using Bytes = std::vector<std::uint8_t>;
/// NFT_REG_1 … NFT_REG_4 hold 16 bytes each. Our rules use only the first.
using Register = std::uint32_t;

enum class MetaKey : std::uint32_t {
    protocol = NFT_META_PROTOCOL,
    priority = NFT_META_PRIORITY,
    mark = NFT_META_MARK,
    iifname = NFT_META_IIFNAME,
    iifkind = NFT_META_IIFKIND,
    nfproto = NFT_META_NFPROTO,
    l4proto = NFT_META_L4PROTO,
};
/// Loads metadata of the packet.
struct Meta {
    MetaKey key;
    Register into = NFT_REG_1;
    bool operator==(const Meta&) const = default;
};

/// Writes metadata of the packet.
struct MetaStore {
    MetaKey key;
    Register from = NFT_REG_1;
    bool operator==(const MetaStore&) const = default;
};

enum class Header : std::uint32_t {
    network = NFT_PAYLOAD_NETWORK_HEADER,
    transport = NFT_PAYLOAD_TRANSPORT_HEADER,
};
/// Loads `length` bytes at `offset` of a header.
struct PayloadLoad {
    Header header;
    std::uint32_t offset;
    std::uint32_t length;
    Register into = NFT_REG_1;
    bool operator==(const PayloadLoad&) const = default;
};

/// Which checksums the kernel updates when bytes of a packet are replaced.
struct ChecksumUpdate {
    std::uint32_t type =
        NFT_PAYLOAD_CSUM_NONE;  ///< NFT_PAYLOAD_CSUM_INET: an Internet checksum is at `offset` of the same header
    std::uint32_t offset = 0;
    std::uint32_t flags =
        0;  ///< NFT_PAYLOAD_L4CSUM_PSEUDOHDR: the bytes are part of the transport checksum's pseudo-header
    bool operator==(const ChecksumUpdate&) const = default;
};
/// Writes `length` bytes at `offset` of a header.
struct PayloadStore {
    Header header;
    std::uint32_t offset;
    std::uint32_t length;
    ChecksumUpdate checksum;
    Register from = NFT_REG_1;
    bool operator==(const PayloadStore&) const = default;
};

/// register = (register & mask) ^ xor_with; both are as long as the data.
struct Bitwise {
    Bytes mask;
    Bytes xor_with;
    Register from = NFT_REG_1;
    Register into = NFT_REG_1;
    bool operator==(const Bitwise&) const = default;
};

enum class Comparison : std::uint32_t { eq = NFT_CMP_EQ, neq = NFT_CMP_NEQ };
/// Ends the rule unless the comparison of the register with the data is true.
struct Compare {
    Comparison comparison;
    Bytes data;
    Register from = NFT_REG_1;
    bool operator==(const Compare&) const = default;
};

struct Immediate {
    Bytes data;
    Register into = NFT_REG_1;
    bool operator==(const Immediate&) const = default;
};

/// Ends the rule unless the register is (or, inverted, is not) in a set of the same table.
struct Lookup {
    std::string set;
    bool inverted = false;
    Register from = NFT_REG_1;
    bool operator==(const Lookup&) const = default;
};

/// Looks up an address of the packet in the routing tables.
struct Fib {
    std::uint32_t result;  ///< NFT_FIB_RESULT_ADDRTYPE: an RTN_ number, 4 bytes in host order
    std::uint32_t flags;   ///< NFTA_FIB_F_DADDR; with NFTA_FIB_F_PRESENT, 0 or 1 instead: whether there is a result
    Register into = NFT_REG_1;
    bool operator==(const Fib&) const = default;
};

/// Ends the rule for packets above `rate` per `unit` seconds; `burst` more may come at once.
struct Limit {
    std::uint64_t rate;
    std::uint64_t unit = 1;
    std::uint32_t burst = 5;
    bool operator==(const Limit&) const = default;
};

/// Makes the kernel log the packet, with a prefix.
struct Log {
    std::string prefix;                          ///< up to 127 bytes
    std::uint32_t level = NFT_LOGLEVEL_WARNING;  ///< NFT_LOGLEVEL_
    bool operator==(const Log&) const = default;
};

/// Loads `length` bytes at `offset` of an IPv6 extension header; ends the rule if the packet has none of this kind.
struct ExtensionLoad {
    std::uint8_t kind;  ///< IPPROTO_FRAGMENT, …
    std::uint32_t offset;
    std::uint32_t length;
    Register into = NFT_REG_1;
    bool operator==(const ExtensionLoad&) const = default;
};

/// Writes `length` bytes at `offset` of a TCP option; ends the rule if the segment has none of this kind. It can't
/// raise the maximum segment size (net/netfilter/nft_exthdr.c).
struct TcpOptionStore {
    std::uint8_t kind;
    std::uint32_t offset;
    std::uint32_t length;
    Register from = NFT_REG_1;
    bool operator==(const TcpOptionStore&) const = default;
};

/// Counts packets and bytes. The values are not part of a rule.
struct Counter {
    bool operator==(const Counter&) const = default;
};

/// Exempts the packet from conntrack; only before conntrack: priority raw.
struct Notrack {
    bool operator==(const Notrack&) const = default;
};

struct Verdict {
    std::int32_t code;  ///< NF_ACCEPT, NF_DROP, NFT_JUMP, NFT_GOTO, NFT_RETURN
    std::string chain;  ///< for jump and goto
    bool operator==(const Verdict&) const = default;
};

/// An expression of the kernel without a name here. A rule with one is not ours.
struct Foreign {
    std::string name;
    bool operator==(const Foreign&) const = default;
};

using Expression = std::variant<Meta, MetaStore, PayloadLoad, PayloadStore, Bitwise, Compare, Immediate, Lookup, Fib,
                                Limit, Log, ExtensionLoad, TcpOptionStore, Counter, Notrack, Verdict, Foreign>;

}  // namespace culvert::netlink::nft
