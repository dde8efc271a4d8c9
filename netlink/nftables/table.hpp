// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/netfilter/nf_tables.h>

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "netlink/address.hpp"
#include "netlink/nftables/rule.hpp"

/// A table of nf_tables as one value. Two equal tables filter alike: handles, counters, and the order in which chains
/// and sets were created are not part of it.
namespace culvert::netlink::nft {

/// All values from `first` to `last`, both inclusive. Both are as long as the set's key, in network order.
struct Interval {
    Bytes first;
    Bytes last;
    auto operator<=>(const Interval&) const = default;
};

/// nft's own numbers of data types (its enum datatypes), by which `nft list` knows how to show a key.
enum class KeyType : std::uint32_t { ipv4_addr = 7, ipv6_addr = 8, ifname = 41 };

/// A named set.
struct Set {
    KeyType key;
    std::uint32_t key_length;          ///< bytes
    std::uint32_t flags = 0;           ///< NFT_SET_INTERVAL if elements may span more than one value
    std::vector<Interval> elements{};  ///< in order; neither overlapping nor adjacent if the set has intervals

    /// An interval set of all prefixes of `family`. Prefixes may overlap; other families are ignored.
    [[nodiscard]] static Set of(Family family, std::span<const Prefix> prefixes);

    /// A set of interface names of at most 15 bytes.
    [[nodiscard]] static Set of(const std::set<std::string>& names);

    bool operator==(const Set&) const = default;
};

/// The next value, or nothing after the last one (all bits set).
[[nodiscard]] std::optional<Bytes> successor(Bytes value);
/// The previous value; for zero, the last one.
[[nodiscard]] Bytes predecessor(Bytes value);

/// Sorts intervals and joins those that overlap or touch.
[[nodiscard]] std::vector<Interval> joined(std::vector<Interval> intervals);

/// NF_INET_ numbers.
enum class HookPoint : std::uint32_t { prerouting = 0, input = 1, forward = 2, output = 3, postrouting = 4 };

constexpr std::int32_t priority_raw = -300;     ///< before conntrack (NF_IP_PRI_RAW)
constexpr std::int32_t priority_mangle = -150;  ///< NF_IP_PRI_MANGLE
constexpr std::int32_t priority_filter = 0;     ///< NF_IP_PRI_FILTER
constexpr std::int32_t priority_srcnat = 100;   ///< NF_IP_PRI_NAT_SRC

/// NF_DROP, NF_ACCEPT: the verdict on packets that no rule decides.
enum class Policy : std::uint32_t { drop = 0, accept = 1 };

/// The hook of a base chain.
struct Hook {
    HookPoint point;
    std::int32_t priority;
    Policy policy = Policy::accept;
    std::string type = "filter";
    bool operator==(const Hook&) const = default;
};

struct Chain {
    std::optional<Hook> hook;  ///< none: a chain to jump to
    std::vector<Rule> rules{};
    bool operator==(const Chain&) const = default;
};

/// NFPROTO_ numbers; inet is both IPv4 and IPv6.
enum class TableFamily : std::uint8_t { inet = 1, ipv4 = 2, ipv6 = 10 };

struct Table {
    std::string name;
    TableFamily family = TableFamily::inet;
    std::uint32_t flags = 0;  ///< NFT_TABLE_F_DORMANT: somebody switched it off
    std::map<std::string, Set> sets{};
    std::map<std::string, Chain> chains{};
    bool operator==(const Table&) const = default;
};

/// The counter of a rule.
struct Tally {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    bool operator==(const Tally&) const = default;
};

/// By chain.
using Tallies = std::map<std::string, Tally>;

}  // namespace culvert::netlink::nft
