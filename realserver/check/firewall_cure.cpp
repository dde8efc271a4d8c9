// SPDX-License-Identifier: Apache-2.0
#include "realserver/check/firewall_cure.hpp"

#include <fmt/format.h>

#include <optional>

#include "common/protocol.hpp"

namespace culvert::realserver {

namespace {

using netlink::Family;
using netlink::Prefix;

/// The addresses and the port that tell a leg's packets from others.
struct Selector {
    bool by_source;  ///< or by destination
    Prefix address;
    std::optional<std::uint16_t> port;

    Selector(Leg leg, const Packets& packets)
        : by_source(leg != Leg::request),
          address(by_source ? packets.source : packets.destination),
          port(leg == Leg::answer ? packets.source_port : packets.destination_port) {}
};

std::string firewalld_cure(Leg leg, const Selector& selector, const Packets& packets) {
    if (leg == Leg::tunnel) return "realserver render firewalld -o / && firewall-cmd --reload";
    return fmt::format(
        "firewall-cmd --permanent --add-rich-rule='rule family={} {} address={} port port={} protocol={} accept' && "
        "firewall-cmd --reload",
        netlink::name(packets.family()), selector.by_source ? "source" : "destination", address_name(selector.address),
        selector.port.value_or(0), common::protocol_name(packets.protocol));
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

std::string firewall_cure(const Obstacle& obstacle, Leg leg, const Packets& packets) {
    if (obstacle.kind == Obstacle::Kind::rewritten) return obstacle.removal;
    const Selector selector(leg, packets);
    return obstacle.table == "firewalld" ? firewalld_cure(leg, selector, packets)
                                         : nft_cure(obstacle.base, leg, selector, packets);
}

}  // namespace culvert::realserver
