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

/// The rules that others have put into nf_tables (iptables-nft among them), and what they do to a packet.
///
/// A packet's family, addresses, protocol, ports, DSCP, devices and state of connection are known as far as the
/// question tells them, and so are a SYN's flags, sets, maps and verdict maps. Not modelled, so that a rule that asks
/// for it may or may not apply: marks, priorities, packet and connection lengths, other header fields and bytes by
/// offset, other keys of `ct` and `meta`, sockets, users, times, limits, quotas, meters, what sets get while packets
/// pass, and matches and targets of xtables but those that drop, rewrite or say notrack. What a mangled or translated
/// packet meets later is not followed: it is an obstacle at once. Not looked at: the families bridge and arp, flow
/// tables, the hook forward, and iptables-legacy (check/legacy).
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
    bool drops = false;  ///< what no rule decides about
    std::vector<FirewallRule> rules{};
    bool operator==(const FirewallChain&) const = default;

    /// "inet filter input"
    [[nodiscard]] std::string to_string() const;
};

struct Firewall {
    using Name = std::tuple<std::string, std::string, std::string>;  // family, table, and what is in it

    std::vector<FirewallChain> chains;
    std::map<Name, nlohmann::json> sets;  ///< elements of sets and maps
    bool operator==(const Firewall&) const = default;
};

/// From what `nft -j -n list ruleset` and `nft -a -s list ruleset` print, without the table inet `ours`. The error says
/// what is wrong with the JSON.
[[nodiscard]] tl::expected<Firewall, std::string> read_firewall(std::string_view json, std::string_view text,
                                                                std::string_view ours);

/// NF_CT_STATE_BIT of linux/netfilter/nf_conntrack_common.h
enum class Tracking : std::uint8_t { invalid = 1, established = 2, created = 8, untracked = 64 };

/// The packets that a question is about: they differ in what is a prefix or has no value here.
struct Packets {
    std::uint8_t protocol = 0;  ///< IPPROTO_*; TCP opens a connection, unless it is an answer
    netlink::Prefix source;
    netlink::Prefix destination;  ///< of the source's family
    std::optional<std::uint16_t> source_port{};
    std::optional<std::uint16_t> destination_port{};
    std::string input{};   ///< device; empty: not known
    std::string output{};  ///< device; empty: not known
    std::optional<std::uint8_t> dscp{};
    Tracking tracking = Tracking::created;
    bool destination_on_input = true;       ///< an address of the device that they come in by
    std::optional<bool> source_by_input{};  ///< the way to the source leads through the device they come in by
    bool all = true;                        ///< whether all must get through, or it is enough if some do

    [[nodiscard]] netlink::Family family() const { return source.address.family(); }
};

/// What happens to packets on their way.
struct Obstacle {
    enum class Kind : std::uint8_t { dropped, rewritten };
    Kind kind = Kind::dropped;
    bool certain = true;                 ///< or it depends on what cannot be told from the rules
    std::string table;                   ///< "filter"
    std::string base;                    ///< the chain by which the way led in: "inet filter input"
    std::string rule;                    ///< what did it
    std::string removal{};               ///< a command that takes the rule away; empty: it was the chain's policy
    std::optional<Tracking> tracking{};  ///< by which the rule decided, if it did
    bool operator==(const Obstacle&) const = default;
};

/// A part of a packet's way: base chains of a hook whose priority is from `first` to `last`.
struct Stage {
    std::string_view hook;
    int first = INT32_MIN;
    int last = INT32_MAX;
};

/// What stands in the way of packets, if anything: what is certain before what is possible. A rule that says notrack
/// changes `packets`.
[[nodiscard]] std::optional<Obstacle> obstacle(const Firewall& firewall, Packets& packets, const Stage& stage);

/// How much of `packets` the condition of a rule is true for.
enum class Match : std::uint8_t {
    none,
    some,     ///< of those that the packets stand for
    unknown,  ///< it depends on what we don't know of them
    all,
};
/// `condition`: {"op": …, "left": …, "right": …}. `family` and `table`: where its sets are.
[[nodiscard]] Match match(const nlohmann::json& condition, const Packets& packets, const Firewall& firewall,
                          const FirewallChain& chain);
/// Whether the value of a field (`{"payload": …}`) is among `value`.
[[nodiscard]] Match match(const nlohmann::json& field, const nlohmann::json& value, const Packets& packets,
                          const Firewall& firewall, const FirewallChain& chain);

}  // namespace culvert::realserver
