// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <nlohmann/json.hpp>
#include <tl/expected.hpp>

#include "netlink/address.hpp"

/// The rules of others in nf_tables (also by iptables-nft), and their effect on a packet.
///
/// check knows a packet's family, addresses, protocol, ports, DSCP, devices and connection state, as far as the caller
/// sets them, and a SYN's flags. It understands sets, maps and verdict maps. A rule may or may not apply if it looks at
/// anything else: marks, priorities, packet and connection lengths, other header fields and bytes by offset, other keys
/// of `ct` and `meta`, sockets, users, times, limits, quotas, meters, set elements added by packets, and matches and
/// targets of xtables other than those that drop, rewrite or notrack. A packet is not followed any further behind a
/// rule that rewrites it (mangles or translates): that rule is an obstacle. Ignored are the families bridge and arp,
/// flow tables, the hook forward, and iptables-legacy (see check/legacy). Rules that drop all ARP: see check/reach.
namespace culvert::realserver {

struct FirewallRule {
    std::uint64_t handle = 0;
    nlohmann::json statements;  ///< as `nft -j -n` prints them
    std::string text;           ///< as `nft -s` prints it
    bool operator==(const FirewallRule&) const = default;
};

struct FirewallChain {
    std::string family;  ///< "ip", "ip6", "inet", "netdev"
    std::string table;
    std::string name;
    std::string hook;      ///< "prerouting", …; empty: a chain to jump to
    std::string type;      ///< "filter", "nat", "route"
    std::string device{};  ///< of hook ingress
    int priority = 0;
    bool drops = false;  ///< the policy, for packets that no rule decides about
    std::vector<FirewallRule> rules{};
    bool operator==(const FirewallChain&) const = default;

    /// "inet filter input"
    [[nodiscard]] std::string to_string() const;
};

struct Firewall {
    using Name = std::tuple<std::string, std::string, std::string>;  // family, table, name of the set or map

    std::vector<FirewallChain> chains;
    std::map<Name, nlohmann::json> sets;  ///< elements of sets and maps
    bool operator==(const Firewall&) const = default;
};

/// Parses the output of `nft -j -n list ruleset` and `nft -a -s list ruleset`, without the table inet `ours`. The error
/// tells what is wrong with the JSON.
[[nodiscard]] tl::expected<Firewall, std::string> read_firewall(std::string_view json, std::string_view text,
                                                                std::string_view ours);

/// NF_CT_STATE_BIT of linux/netfilter/nf_conntrack_common.h
enum class Tracking : std::uint8_t { invalid = 1, established = 2, created = 8, untracked = 64 };

/// A set of packets: fields that are a prefix or have no value may have any value that fits.
struct Packets {
    std::uint8_t protocol = 0;  ///< IPPROTO_*; TCP opens a connection, unless it is an answer
    netlink::Prefix source;
    netlink::Prefix destination;  ///< of the source's family
    std::optional<std::uint16_t> source_port{};
    std::optional<std::uint16_t> destination_port{};
    std::string input{};   ///< device; empty: unknown
    std::string output{};  ///< device; empty: unknown
    std::optional<std::uint8_t> dscp{};
    Tracking tracking = Tracking::created;
    bool destination_on_input = true;       ///< an address of the device at which they arrive
    std::optional<bool> source_by_input{};  ///< the way to the source leads through the device at which they arrive
    bool all = true;                        ///< all of them must pass; if false, some are enough

    [[nodiscard]] netlink::Family family() const { return source.address.family(); }
};

/// The obstacle that packets meet.
struct Obstacle {
    enum class Kind : std::uint8_t { dropped, rewritten };
    Kind kind = Kind::dropped;
    bool certain = true;                 ///< if false, it depends on something that the rules don't tell
    std::string table;                   ///< "filter"
    std::string base;                    ///< the base chain through which the path led: "inet filter input"
    std::string rule;                    ///< the rule or policy
    std::string removal{};               ///< a command that deletes the rule; empty for a chain's policy
    std::optional<Tracking> tracking{};  ///< the state by which the rule decided, if it did
    bool operator==(const Obstacle&) const = default;
};

/// A part of a packet's path: the base chains of a hook with priorities from `first` to `last`.
struct Stage {
    std::string_view hook;
    int first = INT32_MIN;
    int last = INT32_MAX;
};

/// The first obstacle of the packets, if any; a certain one takes precedence over a possible one. A rule with notrack
/// changes `packets`.
[[nodiscard]] std::optional<Obstacle> obstacle(const Firewall& firewall, Packets& packets, const Stage& stage);

/// The mark of packets that this host sends, behind the chains of type route: if it is not 0, the kernel looks up their
/// route once more, with the mark (net/netfilter/nft_chain_route.c). Rules count that are sure to match.
[[nodiscard]] std::uint32_t mark_for_route(const Firewall& firewall, const Packets& packets);

/// The share of `packets` that match the condition of a rule.
enum class Match : std::uint8_t {
    none,
    some,     ///< some of the packets
    unknown,  ///< it depends on fields that are unknown
    all,
};
/// `condition`: {"op": …, "left": …, "right": …}. `chain` has the family and the table of its sets.
[[nodiscard]] Match match(const nlohmann::json& condition, const Packets& packets, const Firewall& firewall,
                          const FirewallChain& chain);
/// Whether the value of a field (`{"payload": …}`) is among `value`.
[[nodiscard]] Match match(const nlohmann::json& field, const nlohmann::json& value, const Packets& packets,
                          const Firewall& firewall, const FirewallChain& chain);

}  // namespace culvert::realserver
