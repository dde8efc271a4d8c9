// SPDX-License-Identifier: Apache-2.0
#include "realserver/check/firewall/cure.hpp"

#include <fmt/format.h>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/protocol.hpp"

namespace culvert::realserver {

namespace {

using netlink::Family;
using netlink::Prefix;

/// The address and the port that distinguish a leg's packets.
struct Selector {
    bool by_source;  ///< or by destination
    Prefix address;
    std::optional<std::uint16_t> port;

    Selector(Leg leg, const Packets& packets)
        : by_source(leg != Leg::request),
          address(by_source ? packets.source : packets.destination),
          port(leg == Leg::answer ? packets.source_port : packets.destination_port) {}
};

constexpr std::string_view reload = "firewall-cmd --reload";

/// firewalld's IPv6_rpfilter is a switch: no rule can precede it.
constexpr std::string_view no_rpfilter =
    "sed -i '/^IPv6_rpfilter=/d; $aIPv6_rpfilter=no' /etc/firewalld/firewalld.conf";

bool is_rpfilter(const Obstacle& obstacle) { return obstacle.rule.find("fib saddr") != std::string::npos; }

/// Policies precede zones, and have a direction: from ANY to HOST, or from HOST to ANY.
std::vector<std::string> firewalld_policy(Leg leg, const Selector& selector, const Packets& packets) {
    const bool answer = leg == Leg::answer;
    const std::string name = answer ? "culvert-answers" : "culvert-requests";
    const std::string change = fmt::format("firewall-cmd --permanent --policy={} ", name);
    return {fmt::format("firewall-cmd --permanent --info-policy={0} >/dev/null 2>&1 || "
                        "firewall-cmd --permanent --new-policy={0}",
                        name),
            change + "--set-priority=-200",
            change + "--add-ingress-zone=" + (answer ? "HOST" : "ANY"),
            change + "--add-egress-zone=" + (answer ? "ANY" : "HOST"),
            change + fmt::format("--add-rich-rule='rule family={} {} address={} {} port={} protocol={} accept'",
                                 netlink::name(packets.family()), answer ? "source" : "destination",
                                 address_name(selector.address), answer ? "source-port" : "port",
                                 selector.port.value_or(0), common::protocol_name(packets.protocol)),
            std::string(reload)};
}

std::vector<std::string> firewalld_cure(const Obstacle& obstacle, Leg leg, const Selector& selector,
                                        const Packets& packets) {
    if (is_rpfilter(obstacle)) return {std::string(no_rpfilter), std::string(reload)};
    if (leg == Leg::tunnel) return {"realserver render firewalld -o /", std::string(reload)};
    return firewalld_policy(leg, selector, packets);
}

/// iptables needs its own commands: it may not understand rules that nft adds to its chains.
bool is_of_iptables(const Obstacle& obstacle) {
    static const std::set<std::string_view> chains{"PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"};
    static const std::set<std::string_view> tables{"raw", "mangle", "nat", "filter", "security"};
    return !obstacle.base.starts_with("inet ") && tables.contains(obstacle.table) &&
           chains.contains(std::string_view(obstacle.base).substr(obstacle.base.rfind(' ') + 1));
}

std::string iptables_cure(const Obstacle& obstacle, Leg leg, const Selector& selector, const Packets& packets) {
    const bool is_v4 = packets.family() == Family::ipv4;
    std::string what;
    if (selector.address.length > 0)
        what = fmt::format(" {} {}", selector.by_source ? "-s" : "-d", address_name(selector.address));
    what += fmt::format(" -p {}", common::protocol_name(packets.protocol).starts_with("protocol")
                                      ? std::to_string(packets.protocol)
                                      : common::protocol_name(packets.protocol));
    if (selector.port) what += fmt::format(" {} {}", leg == Leg::answer ? "--sport" : "--dport", *selector.port);
    return fmt::format("{} -t {} -I {}{} -j ACCEPT", is_v4 ? "iptables-nft" : "ip6tables-nft", obstacle.table,
                       obstacle.base.substr(obstacle.base.rfind(' ') + 1), what);
}

std::string nft_cure(const std::string& base, Leg leg, const Selector& selector, const Packets& packets) {
    const std::string protocol = common::protocol_name(packets.protocol);
    const std::string address =
        selector.address.length == 0
            ? ""
            : fmt::format("{} {} {} ", packets.family() == Family::ipv4 ? "ip" : "ip6",
                          selector.by_source ? "saddr" : "daddr", address_name(selector.address));
    const std::string what =
        selector.port ? fmt::format("{} {} {}", protocol, leg == Leg::answer ? "sport" : "dport", *selector.port)
                      : fmt::format("meta l4proto {}", packets.protocol);
    return fmt::format("nft insert rule {} {}{} accept", base, address, what);
}

}  // namespace

std::string address_name(const netlink::Prefix& prefix) {
    return prefix.is_host() ? prefix.address.to_string() : prefix.to_string();
}

std::vector<std::string> firewall_cure(const Obstacle& obstacle, Leg leg, const Packets& packets) {
    if (obstacle.kind == Obstacle::Kind::rewritten) return {obstacle.removal};
    const Selector selector(leg, packets);
    if (is_of_iptables(obstacle)) return {iptables_cure(obstacle, leg, selector, packets)};
    return obstacle.table == "firewalld" ? firewalld_cure(obstacle, leg, selector, packets)
                                         : std::vector{nft_cure(obstacle.base, leg, selector, packets)};
}

}  // namespace culvert::realserver
