// SPDX-License-Identifier: Apache-2.0
#include "realserver/guard/guard.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <set>
#include <utility>
#include <variant>

#include "realserver/receive/encapsulation.hpp"
#include "realserver/receive/fallback.hpp"
#include "realserver/receive/receivers.hpp"

namespace culvert::realserver {

namespace {

using namespace netlink::nft;

constexpr std::uint64_t logged_each_second = 10;

/// After defragmentation (-400), before the raw, conntrack and DNAT hooks of other tables.
constexpr std::int32_t priority_inner = priority_raw - 10;
/// Before firewalls (0) and firewalld (+10).
constexpr std::int32_t priority_outer = priority_filter - 10;
/// After all chains of other tables: what is done there, nobody sees before the packet is decapsulated.
constexpr std::int32_t priority_last = std::numeric_limits<std::int32_t>::max() - 1;

std::vector<Prefix> prefixes(std::initializer_list<std::string_view> texts) {
    std::vector<Prefix> result;
    for (const std::string_view text : texts) result.push_back(*Prefix::parse(text));
    return result;
}

/// Source addresses that nobody has on the Internet: RFC 6890. Private addresses may be in use.
const std::vector<Prefix>& impossible_sources() {
    static const auto known = prefixes({"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/128",
                                        "::1/128", "::ffff:0:0/96", "fe80::/10", "ff00::/8"});
    return known;
}

/// Protocols that the kernel might decapsulate again.
constexpr std::array<std::uint8_t, 4> tunnel_protocols{IPPROTO_IPIP, IPPROTO_IPV6, IPPROTO_GRE, IPPROTO_MPLS};

// Bits of skb->priority that nobody else uses. A packet keeps them through decapsulation, which may be by any device.
constexpr std::uint32_t of_peer = 0x80000000;      ///< from the other end of a foreign tunnel
constexpr std::uint32_t of_balancer = 0x40000000;  ///< checked by `outer`
constexpr std::uint32_t taken_out = 0x20000000;    ///< decapsulated from such a packet, and checked by `inner`
constexpr std::uint32_t of_stranger = 0x10000000;  ///< for a FOU or GUE port that somebody else has opened

/// A bit of skb->mark, which stands for `of_balancer` from the last input chain to `inner`. A VLAN device sets the
/// priority anew (net/8021q/vlan_core.c, vlan_do_receive), and so do batman-adv (batadv_skb_set_priority), and veth and
/// netkit (____dev_forward_skb), which may have both ends here, one of them in a bridge. From another network namespace
/// they bring no mark. Elsewhere the mark is not looked at, as others may use this bit.
constexpr std::uint32_t mark_of_balancer = 0x1000;
constexpr std::uint32_t mark_of_stranger = 0x2000;  ///< likewise for `of_stranger`
const std::set<std::string>& kinds_by_mark() {
    static const std::set<std::string> known{"batadv", "netkit", "veth", "vlan"};
    return known;
}

/// Matches every packet of the shape.
Rule fitting(const Shape& shape) {
    Rule rule;
    for (const Pattern& part : shape)
        if (part.mask.empty())
            rule.transport(part.offset, part.value);
        else
            rule.transport_masked(part.offset, part.mask, part.value);
    return rule;
}

/// A protocol that a fallback device receives directly over IP.
struct Entrance {
    Family outer;
    std::uint8_t protocol;
};

std::vector<Entrance> entrances_of(const std::set<std::string>& devices) {
    std::vector<Entrance> result;
    for (const FallbackDevice& device : fallback_devices)
        for (const std::uint8_t protocol : device.protocols)
            if (protocol != 0 && devices.contains(std::string(device.name))) result.push_back({device.outer, protocol});
    return result;
}

class GuardWriter {
  public:
    GuardWriter(const Desired& desired, Table& table)
        : desired_(desired),
          config_(desired.config),
          table_(table),
          any_gre_(std::ranges::any_of(
              config_.tunnels, [](const PointToPoint& tunnel) { return netlink::is_gre(tunnel.parameters.kind); })),
          any_ethernet_(std::ranges::any_of(config_.tunnels, [](const PointToPoint& tunnel) {
              return tunnel.parameters.kind == netlink::TunnelKind::gretap ||
                     tunnel.parameters.kind == netlink::TunnelKind::ip6gretap;
          })) {}

    void write() {
        const std::set<std::string> devices = guarded_devices(desired_);
        if (devices.empty()) return;
        add_sets(devices);
        for (const Reason& reason : reasons) add(reason);
        table_.chains["inner"] = inner();
        table_.chains["unwrapped"] = unwrapped();
        table_.chains["relayed"] = {.hook = Hook{HookPoint::forward, priority_outer}, .rules = {forget()}};
        if (!config_.tunnels.empty()) table_.chains["link"] = link();
        table_.chains["sender"] = sender();
        table_.chains["last"] = {.hook = Hook{HookPoint::input, priority_last},
                                 .rules = {Rule{}.priority_has(of_balancer).change_mark(0, mark_of_balancer)}};
        if (!desired_.ports_of_others.empty())
            table_.chains["last"].rules.push_back(Rule{}.priority_has(of_stranger).change_mark(0, mark_of_stranger));
        Chain outer{Hook{HookPoint::input, priority_outer}};
        add_peers(outer);
        const std::vector<Entrance> open = entrances_of(devices);
        for (const Entrance& entrance : open) outer.rules.push_back(arrived(entrance).jump("sender"));
        // IPv4 packets are whole here, IPv6 packets only with conntrack. A later fragment has no ports to check, only
        // its sender was checked. Without an accepted first fragment it is useless.
        outer.rules.push_back(Rule{}.later_fragment().accept());
        for (const Entrance& entrance : open)
            if (entrance.protocol == IPPROTO_GRE && !any_gre_)
                outer.rules.push_back(caught(arrived(entrance)
                                                 .transport_not(0, gre_with(Family::ipv4, 0).value)
                                                 .transport_not(0, gre_with(Family::ipv6, 0).value),
                                             bad_header));
        for (const Receive& receive : desired_.by_kernel)
            if (const auto* end = std::get_if<TunnelEnd>(&receive)) merge(*end);
        for (const PointToPoint& tunnel : config_.tunnels)
            if (const auto port = receive_port(tunnel)) merge(*port);
        add_headers(outer);
        for (const auto& [key, port] : ports_) add(key, port, outer);
        for (const std::uint16_t port : desired_.ports_of_others)
            outer.rules.push_back(Rule{}
                                      .l4proto(IPPROTO_UDP)
                                      .dport(port)
                                      .priority_lacks(of_peer | of_balancer)
                                      .change_priority(0, of_stranger));
        outer.rules.push_back(forget());
        table_.chains["outer"] = std::move(outer);
    }

  private:
    void add_sets(const std::set<std::string>& devices) {
        std::vector<Prefix> senders = config_.balancers;
        std::set<std::string> links;
        for (const PointToPoint& tunnel : config_.tunnels) {
            if (tunnel.parameters.remote) senders.push_back(Prefix::host(*tunnel.parameters.remote));
            links.insert(tunnel.name);
        }
        std::set<std::string> kinds;
        for (const FallbackDevice& device : fallback_devices) {
            if (!devices.contains(std::string(device.name))) continue;
            kinds.emplace(netlink::name(device.kind));
            for (const auto& beside : device.beside)
                if (beside) kinds.emplace(netlink::name(*beside));
        }
        table_.sets["tunnels"] = Set::of(devices);
        table_.sets["kinds_by_mark"] = Set::of(kinds_by_mark());
        if (!desired_.peers_elsewhere.empty()) table_.sets["peers_elsewhere"] = Set::of(desired_.peers_elsewhere);
        if (!kinds.empty()) table_.sets["kinds"] = Set::of(kinds);
        if (!links.empty()) table_.sets["links"] = Set::of(links);
        for (const Family family : both_families) {
            table_.sets[family_set("senders", family)] = Set::of(family, senders);
            table_.sets[family_set("impossible", family)] = Set::of(family, impossible_sources());
            if (!config_.tunnel_peers.empty())
                table_.sets[family_set("peers", family)] = Set::of(family, config_.tunnel_peers);
        }
        if (!config_.interfaces.empty())
            table_.sets["ways_in"] = Set::of(std::set(config_.interfaces.begin(), config_.interfaces.end()));
    }

    void add(const Reason& reason) {
        Rule fate = Rule{}.counter().with_comment(std::string(reason.text));
        Chain chain{.hook = {}};
        if (config_.guard == Guard::log) {
            chain.rules.push_back(Rule{}.limit(logged_each_second).log(fmt::format("culvert {}: ", reason.chain)));
            chain.rules.push_back(std::move(fate.accept()));
        } else {
            chain.rules.push_back(std::move(fate.drop()));
        }
        table_.chains[std::string(reason.chain)] = std::move(chain);
    }

    static Rule caught(Rule rule, const Reason& reason) { return std::move(rule.go_to(std::string(reason.chain))); }

    /// By device, and by the marks of `outer`: a device may have any name, be added later, or belong to a bridge.
    [[nodiscard]] Chain inner() const {
        Chain chain{Hook{HookPoint::prerouting, priority_inner}};
        const auto add = [&](Rule rule) { chain.rules.push_back(std::move(rule.go_to("unwrapped"))); };
        if (table_.sets.contains("peers_elsewhere"))
            chain.rules.push_back(Rule{}.iifname_in("peers_elsewhere").accept());
        if (table_.sets.contains("kinds")) add(Rule{}.iifkind_in("kinds"));
        add(Rule{}.iifname_in("tunnels"));
        chain.rules.push_back(
            Rule{}.iifkind_in("kinds_by_mark").mark_has(mark_of_balancer).change_priority(0, of_balancer));
        if (!desired_.ports_of_others.empty())
            chain.rules.push_back(
                Rule{}.iifkind_in("kinds_by_mark").mark_has(mark_of_stranger).change_priority(0, of_stranger));
        // This host may send to itself with any priority: traffic classes set these bits, too.
        chain.rules.push_back(Rule{}.iifname("lo").accept());
        add(Rule{}
                .priority_has(of_peer | of_balancer | of_stranger)
                .with_comment(config_.guard == Guard::log ? "guard log" : "guard strict"));
        return chain;
    }

    [[nodiscard]] Chain unwrapped() const {
        Chain chain{.hook = {}};
        const auto add = [&](Rule rule) { chain.rules.push_back(std::move(rule)); };
        add(Rule{}.priority_has(of_balancer).change_mark(mark_of_balancer, 0));
        // A VLAN of a tunnel is a link, too.
        if (any_ethernet_)
            add(Rule{}
                    .iifkind_in("kinds_by_mark")
                    .priority_has(of_balancer)
                    .change_priority(of_peer | of_balancer, taken_out)
                    .go_to("link"));
        if (!config_.tunnels.empty())
            add(Rule{}.iifname_in("links").change_priority(of_peer | of_balancer, taken_out).go_to("link"));
        if (!config_.tunnel_peers.empty())
            add(Rule{}.iifname_not_in("tunnels").priority_has(of_peer).change_priority(of_peer, 0).accept());
        // It arrived at a port that somebody else has opened.
        add(caught(Rule{}.priority_lacks(of_peer | of_balancer | taken_out), stranger));
        add(Rule{}.change_priority(of_peer | of_balancer, taken_out));
        add_vips_only(chain);
        for (const Family family : both_families)
            add(caught(Rule{}.nfproto(family).saddr_in(family, family_set("impossible", family)), bad_source));
        add(caught(Rule{}.fib_saddr_local(), bad_source));
        add_not_nested(chain);
        return chain;
    }

    /// At the end of a packet's way through this host's rules.
    static Rule forget() { return std::move(Rule{}.priority_has(taken_out).change_priority(taken_out, 0)); }

    /// Every packet of a peer, except TCP, may be a tunnel packet: only the tunnel's owner knows the port. Inside a
    /// balancer's packet anyone can write a peer's address.
    void add_peers(Chain& outer) {
        if (config_.tunnel_peers.empty()) return;
        for (const Family family : both_families)
            outer.rules.push_back(Rule{}.nfproto(family).saddr_in(family, family_set("peers", family)).jump("peer"));
        table_.chains["peer"] = {.hook = {},
                                 .rules = {Rule{}.priority_has(taken_out).back(), Rule{}.l4proto(IPPROTO_TCP).accept(),
                                           Rule{}.change_priority(0, of_peer).accept()}};
    }

    static void add_vips_only(Chain& chain) {
        for (const Family family : both_families)
            chain.rules.push_back(
                caught(Rule{}.nfproto(family).daddr_not_in(family, family_set("vips", family)), no_vip));
    }

    static void add_not_nested(Chain& chain) {
        for (const std::uint8_t protocol : tunnel_protocols)
            chain.rules.push_back(caught(Rule{}.l4proto(protocol), nested));
    }

    /// For packets from a device of `tunnels` or a VLAN of it, which is also a link, with addresses and neighbours of
    /// its own.
    [[nodiscard]] static Chain link() {
        Chain chain{.hook = {}};
        chain.rules.push_back(caught(Rule{}.fib_saddr_local(), bad_source));
        chain.rules.push_back(Rule{}.fib_daddr_local_to_iif().accept());
        for (const std::string_view groups : {"224.0.0.0/4", "ff00::/8"}) {
            const Prefix multicast = *Prefix::parse(groups);
            chain.rules.push_back(Rule{}.nfproto(multicast.address.family()).daddr(multicast).accept());
        }
        add_vips_only(chain);
        add_not_nested(chain);
        return chain;
    }

    /// Returns if the packet passes.
    [[nodiscard]] Chain sender() const {
        Chain chain{.hook = {}};
        const auto add = [&](Rule rule) { chain.rules.push_back(std::move(rule)); };
        add(caught(Rule{}.priority_has(taken_out), nested));
        add(Rule{}.change_priority(0, of_balancer));
        for (const Family family : both_families)
            add(caught(Rule{}.nfproto(family).saddr_not_in(family, family_set("senders", family)), stranger));
        add(caught(config_.interfaces.empty() ? Rule{}.fib_saddr_not_by_iif() : Rule{}.iifname_not_in("ways_in"),
                   wrong_way));
        return chain;
    }

    static Rule arrived(const Entrance& entrance) {
        return std::move(Rule{}.nfproto(entrance.outer).l4proto(entrance.protocol));
    }

    /// A first fragment that ends within its extension headers hides its port, and may be dropped: RFC 7112 section 5.
    void add_headers(Chain& outer) {
        const auto over_ipv6 = [](const auto& port) { return port.first.second == Family::ipv6; };
        if (std::ranges::none_of(ports_, over_ipv6)) return;
        outer.rules.push_back(Rule{}.nfproto(Family::ipv6).jump("headers"));
        table_.chains["headers"] = {.hook = {}, .rules = {Rule{}.l4proto_known().back(), caught({}, bad_header)}};
    }

    using Key = std::pair<std::uint16_t, Family>;
    struct Port {
        TunnelEnd end;  ///< the first of those that share the port
        PortContent content;
    };

    void merge(const TunnelEnd& end) {
        if (end.port == 0) return;
        for (const Family outer : end.outer) {
            PortContent& content =
                ports_.try_emplace({end.port, outer}, Port{end, {.any_gre = any_gre_}}).first->second.content;
            content.inner.insert(end.inner.begin(), end.inner.end());
            if (encapsulation(end).has_vni) content.vnis.insert(end.vni);
        }
    }

    /// Only whole packets and first fragments get to the port's chain. The kernel would pass any protocol that a GUE
    /// header names to this host's own stack, past every firewall.
    void add(const Key& key, const Port& port, Chain& outer) {
        Chain content{.hook = {}, .rules = {Rule{}.jump("sender")}};
        for (const Shape& shape : encapsulation(port.end).shapes(port.content))
            content.rules.push_back(std::move(fitting(shape).accept()));
        content.rules.push_back(caught({}, bad_header));
        const std::string chain = fmt::format("port_{}_{}", key.first, netlink::name(key.second));
        Rule arrived = Rule{}.nfproto(key.second);
        if (!port.end.device.empty()) arrived.iifname(port.end.device);
        if (port.end.local) arrived.daddr(Prefix::host(*port.end.local));
        outer.rules.push_back(std::move(arrived.l4proto(IPPROTO_UDP).dport(key.first).go_to(chain)));
        table_.chains[chain] = std::move(content);
    }

    const Desired& desired_;
    const Config& config_;
    Table& table_;
    std::map<Key, Port> ports_;
    bool any_gre_;       // a device of `tunnels` may accept keys and Ethernet frames in GRE
    bool any_ethernet_;  // a device of `tunnels` may have VLANs
};

}  // namespace

std::set<std::string> guarded_devices(const Desired& desired) {
    const Receivers receivers(desired);
    std::set<std::string> devices = desired.left_to_others;
    for (const auto& [device, carried] : receivers.devices()) devices.emplace(device);
    return devices;
}

std::string family_set(std::string_view name, Family family) {
    return fmt::format("{}{}", name, family == Family::ipv4 ? 4 : 6);
}

void add_guard(const Desired& desired, Table& table) {
    if (desired.config.guard != Guard::off) GuardWriter(desired, table).write();
}

}  // namespace culvert::realserver
