// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>  // before linux/netfilter.h, which otherwise declares the same
#include <linux/netfilter.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <variant>

#include "realserver/check/firewall/firewall.hpp"

namespace culvert::realserver {

namespace {

using netlink::Family;
using netlink::IpAddress;
using netlink::Prefix;
using nlohmann::json;

struct Absent {};   ///< the packets have no such field, so the rule does not apply
struct Unknown {};  ///< the value of the field is unknown
template <typename T>
struct Range {
    T first;
    T last;
};
using Numbers = Range<std::uint64_t>;
using Addresses = Range<IpAddress>;
using Field = std::variant<Absent, Unknown, Numbers, Addresses, std::string>;

Field number(std::uint64_t value) { return Numbers{value, value}; }

template <typename T>
Field maybe_number(const std::optional<T>& value) {
    return value ? number(*value) : Unknown{};
}

Field maybe_text(const std::string& value) { return value.empty() ? Field(Unknown{}) : Field(value); }

Addresses addresses(const Prefix& prefix) {
    const Prefix network = prefix.network();
    std::vector<std::uint8_t> last(network.address.bytes().begin(), network.address.bytes().end());
    for (std::size_t bit = prefix.length; bit < prefix.address.bits(); ++bit)
        last[bit / 8] = static_cast<std::uint8_t>(last[bit / 8] | 0x80U >> bit % 8);
    return {network.address, IpAddress::from_bytes(last).value()};
}

template <typename T>
Match compare(const Range<T>& field, const Range<T>& value) {
    if (field.last < value.first || value.last < field.first) return Match::none;
    return value.first <= field.first && field.last <= value.last ? Match::all : Match::some;
}

std::uint64_t nfproto(Family family) { return family == Family::ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6; }

Field ip_field(const std::string& name, const Packets& packets) {
    if (name == "saddr") return addresses(packets.source);
    if (name == "daddr") return addresses(packets.destination);
    if (name == "protocol" || name == "nexthdr") return number(packets.protocol);
    if (name == "dscp") return maybe_number(packets.dscp);
    return Unknown{};
}

Field port_field(const std::string& name, const Packets& packets) {
    if (name == "sport") return maybe_number(packets.source_port);
    if (name == "dport") return maybe_number(packets.destination_port);
    if (name == "flags" && packets.protocol == IPPROTO_TCP && packets.tracking == Tracking::created)
        return number(TH_SYN);
    return Unknown{};
}

Field payload_field(const json& payload, const Packets& packets) {
    static const std::map<std::string, std::uint8_t> protocols{
        {"tcp", IPPROTO_TCP},   {"udp", IPPROTO_UDP},   {"udplite", IPPROTO_UDPLITE}, {"sctp", IPPROTO_SCTP},
        {"dccp", IPPROTO_DCCP}, {"icmp", IPPROTO_ICMP}, {"icmpv6", IPPROTO_ICMPV6},   {"igmp", IPPROTO_IGMP},
        {"esp", IPPROTO_ESP},   {"ah", IPPROTO_AH},     {"comp", IPPROTO_COMP},       {"gre", IPPROTO_GRE}};
    if (!payload.contains("protocol")) return Unknown{};  // bytes at an offset
    const std::string protocol = payload.at("protocol");
    const std::string name = payload.at("field");
    if (protocol == "ip" || protocol == "ip6")
        return (protocol == "ip") == (packets.family() == Family::ipv4) ? ip_field(name, packets) : Absent{};
    const bool has_ports = packets.protocol == IPPROTO_TCP || packets.protocol == IPPROTO_UDP;
    if (protocol == "th") return has_ports ? port_field(name, packets) : Unknown{};
    if (const auto known = protocols.find(protocol); known != protocols.end()) {
        if (known->second != packets.protocol) return Absent{};
        return has_ports ? port_field(name, packets) : Unknown{};
    }
    return protocol == "arp" ? Field(Absent{}) : Field(Unknown{});
}

Field meta_field(const std::string& name, const Packets& packets) {
    const bool is_v4 = packets.family() == Family::ipv4;
    if (name == "l4proto") return number(packets.protocol);
    if (name == "nfproto") return number(nfproto(packets.family()));
    if (name == "protocol") return std::string(is_v4 ? "ip" : "ip6");
    if (name == "iif" || name == "iifname") return maybe_text(packets.input);
    if (name == "oif" || name == "oifname") return maybe_text(packets.output);
    if (name == "pkttype") return number(0);  // PACKET_HOST
    return Unknown{};
}

/// A fib expression looks up the route to one of the packet's addresses. It gives the route's type or device.
Field fib_field(const json& fib, const Packets& packets) {
    const json& flags = fib.at("flags");
    const auto has = [&](std::string_view flag) { return std::ranges::find(flags, json(flag)) != flags.end(); };
    const bool type = fib.at("result") == "type";
    if (has("daddr"))
        return type ? number(has("iif") && !packets.destination_on_input ? RTN_UNICAST : RTN_LOCAL) : Field(Unknown{});
    if (!has("saddr")) return Unknown{};
    if (type) return number(RTN_UNICAST);
    if (!has("iif")) return Unknown{};
    if (!packets.source_by_input) return Unknown{};
    return *packets.source_by_input ? maybe_text(packets.input) : number(0);
}

Field field_of(const json& expression, const Packets& packets);

/// {"&": [field, mask]}
Field masked_field(const json& operands, const Packets& packets) {
    const Field field = field_of(operands.at(0), packets);
    const auto* range = std::get_if<Numbers>(&field);
    if (range == nullptr) return std::holds_alternative<Absent>(field) ? field : Unknown{};
    std::uint64_t mask = 0;
    const json& bits = operands.at(1);
    for (const json& bit : bits.is_array() ? bits : json::array({bits})) {
        if (!bit.is_number_unsigned()) return Unknown{};
        mask |= bit.get<std::uint64_t>();
    }
    return number(range->first & mask);
}

Field field_of(const json& expression, const Packets& packets) {
    if (!expression.is_object() || expression.empty()) return Unknown{};
    const std::string& kind = expression.begin().key();
    const json& content = expression.begin().value();
    if (kind == "payload") return payload_field(content, packets);
    if (kind == "meta") return meta_field(content.at("key"), packets);
    if (kind == "fib") return fib_field(content, packets);
    if (kind == "&") return masked_field(content, packets);
    if (kind == "ct" && content.at("key") == "state") return number(static_cast<std::uint64_t>(packets.tracking));
    return Unknown{};
}

std::optional<Addresses> address_range(const json& first, const json& last) {
    if (!first.is_string() || !last.is_string()) return std::nullopt;
    const auto from = IpAddress::parse(first.get<std::string>());
    const auto to = IpAddress::parse(last.get<std::string>());
    if (!from || !to) return std::nullopt;
    return Addresses{*from, *to};
}

std::optional<Addresses> address_prefix(const json& prefix) {
    const auto address = IpAddress::parse(prefix.at("addr").get<std::string>());
    if (!address) return std::nullopt;
    return addresses({*address, prefix.at("len").get<std::uint8_t>()});
}

/// An unknown value may be equal to the field.
Match compare_addresses(const Addresses& field, const std::optional<Addresses>& value) {
    return value ? compare(field, *value) : Match::unknown;
}

Match compare_text(const std::string& field, const json& value) {
    if (!value.is_string()) return value.is_boolean() || value == 0 ? Match::none : Match::unknown;
    const std::string text = value;
    const bool same = text.ends_with('*') ? field.starts_with(text.substr(0, text.size() - 1)) : field == text;
    return same ? Match::all : Match::none;
}

Match compare_scalar(const Field& field, const json& value) {
    if (const auto* text = std::get_if<std::string>(&field)) return compare_text(*text, value);
    if (const auto* range = std::get_if<Addresses>(&field))
        return compare_addresses(*range, address_range(value, value));
    const auto& range = std::get<Numbers>(field);
    if (value.is_boolean()) return compare(range, Numbers{value ? 1U : 0U, value ? 1U : 0U});
    // The rule has the name of a device, but the field is the index 0: no device.
    if (!value.is_number_unsigned()) return range.last == 0 ? Match::none : Match::unknown;
    return compare(range, Numbers{value, value});
}

/// Compares a field with a set, a list, a range, a prefix or a single value.
struct Comparison {
    const Field& field;
    const Firewall& firewall;
    const FirewallChain& chain;

    [[nodiscard]] Match any_of(const json& values) const {
        Match best = Match::none;
        for (const json& value : values) best = std::max(best, with(value));
        return best;
    }

    [[nodiscard]] Match named_set(const std::string& name) const {
        const auto set = firewall.sets.find({chain.family, chain.table, name});
        return set == firewall.sets.end() ? Match::unknown : any_of(set->second);
    }

    [[nodiscard]] Match with(const json& value) const {
        if (value.is_array()) return any_of(value);
        if (value.is_string() && value.get<std::string>().starts_with('@'))
            return named_set(value.get<std::string>().substr(1));
        if (!value.is_object()) return compare_scalar(field, value);
        if (value.contains("set")) return any_of(value.at("set"));
        if (value.contains("elem")) return with(value.at("elem").at("val"));
        const auto* range = std::get_if<Addresses>(&field);
        if (value.contains("prefix") && range != nullptr)
            return compare_addresses(*range, address_prefix(value.at("prefix")));
        if (value.contains("range")) return in_range(value.at("range"));
        return Match::unknown;
    }

    [[nodiscard]] Match in_range(const json& ends) const {
        if (const auto* range = std::get_if<Addresses>(&field))
            return compare_addresses(*range, address_range(ends.at(0), ends.at(1)));
        const auto* range = std::get_if<Numbers>(&field);
        if (range == nullptr || !ends.at(0).is_number_unsigned() || !ends.at(1).is_number_unsigned())
            return Match::unknown;
        return compare(*range, Numbers{ends.at(0), ends.at(1)});
    }
};

Match inverse(Match match) {
    if (match == Match::all) return Match::none;
    if (match == Match::none) return Match::all;
    return match;
}

/// The range of values that an operator such as "<" stands for; none if `value` is not a number.
std::optional<json> ordered(const std::string& op, const json& value) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    if (!value.is_number_unsigned()) return std::nullopt;
    const std::uint64_t number = value;
    if (op == "<=") return json{{"range", {0U, number}}};
    if (op == ">=") return json{{"range", {number, most}}};
    if (op == "<" && number > 0) return json{{"range", {0U, number - 1}}};
    if (op == ">" && number < most) return json{{"range", {number + 1, most}}};
    return std::nullopt;
}

}  // namespace

Match match(const json& field, const json& value, const Packets& packets, const Firewall& firewall,
            const FirewallChain& chain) {
    const Field known = field_of(field, packets);
    if (std::holds_alternative<Absent>(known)) return Match::none;
    if (std::holds_alternative<Unknown>(known)) return Match::unknown;
    return Comparison{known, firewall, chain}.with(value);
}

Match match(const json& condition, const Packets& packets, const Firewall& firewall, const FirewallChain& chain) {
    const std::string op = condition.at("op");
    const json& left = condition.at("left");
    const json& right = condition.at("right");
    if (op == "==" || op == "in") return match(left, right, packets, firewall, chain);
    if (op == "!=") {
        const bool applies = !std::holds_alternative<Absent>(field_of(left, packets));
        return applies ? inverse(match(left, right, packets, firewall, chain)) : Match::none;
    }
    const auto range = ordered(op, right);
    return range ? match(left, *range, packets, firewall, chain) : Match::unknown;
}

}  // namespace culvert::realserver
