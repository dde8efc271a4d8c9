// SPDX-License-Identifier: Apache-2.0
#include "realserver/guard/guard.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>
#include <variant>

#include "realserver/desired/receivers.hpp"

namespace culvert::realserver {

namespace {

using namespace netlink::nft;
using netlink::FouType;

constexpr std::uint64_t logged_each_second = 10;

/// After defragmentation (-400), and before everybody else's raw, conntrack and DNAT.
constexpr std::int32_t priority_inner = priority_raw - 10;
/// Before firewalls (0), firewalld's too (+10).
constexpr std::int32_t priority_outer = priority_filter - 10;

std::vector<Prefix> prefixes(std::initializer_list<std::string_view> texts) {
    std::vector<Prefix> result;
    for (const std::string_view text : texts) result.push_back(*Prefix::parse(text));
    return result;
}

/// Nobody's on the Internet: RFC 6890. Private addresses are somebody's.
const std::vector<Prefix>& impossible_sources() {
    static const auto known = prefixes({"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/128",
                                        "::1/128", "::ffff:0:0/96", "fe80::/10", "ff00::/8"});
    return known;
}

/// Protocols that the kernel may unwrap once more.
constexpr std::array<std::uint8_t, 4> tunnel_protocols{IPPROTO_IPIP, IPPROTO_IPV6, IPPROTO_GRE, IPPROTO_MPLS};

/// The protocols that a device takes straight out of IP, whatever the configuration asks it for.
struct Entrance {
    std::string_view device;
    Family outer;
    std::uint8_t protocol;
};
constexpr std::array entrances{
    Entrance{"tunl0", Family::ipv4, IPPROTO_IPIP},   Entrance{"sit0", Family::ipv4, IPPROTO_IPV6},
    Entrance{"gre0", Family::ipv4, IPPROTO_GRE},     Entrance{"ip6tnl0", Family::ipv6, IPPROTO_IPIP},
    Entrance{"ip6tnl0", Family::ipv6, IPPROTO_IPV6}, Entrance{"ip6tnl0", Family::ipv6, IPPROTO_MPLS},
    Entrance{"ip6gre0", Family::ipv6, IPPROTO_GRE},
};

/// The kinds of device, whoever made them, out of which comes what would else come out of this one.
struct Kinds {
    std::string_view device;
    std::array<std::string_view, 3> kinds;  ///< some may be empty
};
constexpr std::array kinds_beside{
    Kinds{"tunl0", {"ipip"}},
    Kinds{"sit0", {"sit"}},
    Kinds{"gre0", {"gre", "gretap", "erspan"}},
    Kinds{"ip6tnl0", {"ip6tnl"}},
    Kinds{"ip6gre0", {"ip6gre", "ip6gretap", "ip6erspan"}},
};

// Bits of skb->priority, which nobody else uses: a packet keeps them while it is unwrapped, whereas its device is any.
constexpr std::uint32_t of_peer = 0x80000000;      ///< from the other end of somebody else's tunnel
constexpr std::uint32_t of_balancer = 0x40000000;  ///< judged by `outer`
constexpr std::uint32_t taken_out = 0x20000000;    ///< out of such a packet: `inner` has judged it

// Headers in network order, without options: RFC 2784 section 2, draft-ietf-intarea-gue-09 section 3.
const Bytes gre_with_ipv4{0, 0, 0x08, 0x00};
const Bytes gre_with_ipv6{0, 0, 0x86, 0xdd};
/// RFC 8926 section 3.4: version, control flag and protocol, which is Ethernet.
const Bytes geneve_mask{0xc0, 0x80, 0xff, 0xff};
const Bytes geneve_with_frame{0, 0, 0x65, 0x58};
/// Version, control flag and protocol, but not the length of GUE's options.
const Bytes gue_mask{0xe0, 0xff};

constexpr std::uint32_t after_udp = 8;
constexpr std::uint32_t after_gue = after_udp + 4;

class GuardWriter {
  public:
    GuardWriter(const Desired& desired, Table& table)
        : desired_(desired),
          config_(desired.config),
          table_(table),
          any_gre_(std::ranges::any_of(
              config_.tunnels, [](const PointToPoint& tunnel) { return netlink::is_gre(tunnel.parameters.kind); })) {}

    void write() {
        const Receivers receivers(desired_);
        std::set<std::string> devices;
        for (const auto& [device, carried] : receivers.devices()) devices.emplace(device);
        if (devices.empty()) return;
        add_sets(devices);
        for (const Reason& reason : reasons) add(reason);
        table_.chains["inner"] = inner();
        table_.chains["unwrapped"] = unwrapped();
        table_.chains["relayed"] = {.hook = Hook{HookPoint::forward, priority_outer}, .rules = {forget()}};
        if (!config_.tunnels.empty()) table_.chains["link"] = link();
        table_.chains["sender"] = sender();
        Chain outer{Hook{HookPoint::input, priority_outer}};
        add_peers(outer);
        std::vector<Entrance> open;
        std::ranges::copy_if(entrances, std::back_inserter(open),
                             [&](const Entrance& entrance) { return devices.contains(std::string(entrance.device)); });
        for (const Entrance& entrance : open) outer.rules.push_back(arrived(entrance).jump("sender"));
        // IPv4 is whole here, IPv6 not unless conntrack is at work. A later fragment says whose it is and that is all:
        // what it belongs to is nothing without the first.
        outer.rules.push_back(Rule{}.later_fragment().accept());
        for (const Entrance& entrance : open)
            if (entrance.protocol == IPPROTO_GRE && !any_gre_)
                outer.rules.push_back(caught(
                    arrived(entrance).transport_not(0, gre_with_ipv4).transport_not(0, gre_with_ipv6), bad_header));
        for (const Receive& receive : desired_.by_kernel) std::visit([&](const auto& kind) { merge(kind); }, receive);
        for (const PointToPoint& tunnel : config_.tunnels)
            if (const auto port = receive_port(tunnel)) merge(*port);
        add_headers(outer);
        for (const auto& [key, tunnel] : ports_) add(tunnel, key.second, outer);
        for (const auto& [key, networks] : networks_) add(key, networks, outer);
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
        for (const auto& [device, beside] : kinds_beside)
            if (devices.contains(std::string(device))) kinds.insert(beside.begin(), beside.end());
        kinds.erase("");
        table_.sets["tunnels"] = Set::of(devices);
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

    /// By device and by what `outer` has found: a device may have any name, come later, or belong to a bridge.
    [[nodiscard]] Chain inner() const {
        Chain chain{Hook{HookPoint::prerouting, priority_inner}};
        const auto add = [&](Rule rule) { chain.rules.push_back(std::move(rule.go_to("unwrapped"))); };
        if (table_.sets.contains("kinds")) add(Rule{}.iifkind_in("kinds"));
        add(Rule{}.iifname_in("tunnels"));
        // To itself a host sends with any priority: a class of traffic has these bits, too.
        chain.rules.push_back(Rule{}.iifname("lo").accept());
        add(Rule{}
                .priority_has(of_peer | of_balancer)
                .with_comment(config_.guard == Guard::log ? "guard log" : "guard strict"));
        return chain;
    }

    [[nodiscard]] Chain unwrapped() const {
        Chain chain{.hook = {}};
        const auto add = [&](Rule rule) { chain.rules.push_back(std::move(rule)); };
        if (!config_.tunnels.empty())
            add(Rule{}.iifname_in("links").change_priority(of_peer | of_balancer, taken_out).go_to("link"));
        if (!config_.tunnel_peers.empty())
            add(Rule{}.iifname_not_in("tunnels").priority_has(of_peer).change_priority(of_peer, 0).accept());
        // It came by a port that somebody else has opened.
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

    /// Whatever they send but TCP may be a tunnel's, on a port that only its owner knows. In a balancer's packet anyone
    /// can write their address.
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

    /// What comes out of a tunnel of `tunnels`: it is also a link, with addresses and neighbours of its own.
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

    /// Returns where all is well.
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

    /// A first fragment that ends within its extension headers hides which port it is for, and none has to be let in:
    /// RFC 7112 section 5.
    void add_headers(Chain& outer) {
        const auto over_ipv6 = [](const auto& port) { return port.first.second == Family::ipv6; };
        if (std::ranges::none_of(ports_, over_ipv6) && std::ranges::none_of(networks_, over_ipv6)) return;
        outer.rules.push_back(Rule{}.nfproto(Family::ipv6).jump("headers"));
        table_.chains["headers"] = {.hook = {}, .rules = {Rule{}.l4proto_known().back(), caught({}, bad_header)}};
    }

    using Key = std::pair<std::uint16_t, Family>;

    void merge(const IpTunnel& /*plain*/) {}
    void merge(const L3dsr& /*no tunnel*/) {}
    void merge(const L2& /*no tunnel*/) {}
    void merge(const GeneveTunnel& tunnel) {
        for (const Family outer : tunnel.outer) networks_[{tunnel.port, outer}].insert(tunnel.vni);
    }
    /// Several elements of `receive` may share a port.
    void merge(const UdpTunnel& tunnel) {
        for (const Family outer : tunnel.outer) {
            const auto [known, is_new] = ports_.try_emplace({tunnel.port, outer}, tunnel);
            if (!is_new) known->second.inner.insert(tunnel.inner.begin(), tunnel.inner.end());
        }
    }

    void add(const UdpTunnel& tunnel, Family family, Chain& outer) {
        Rule arrived = Rule{}.nfproto(family);
        if (!tunnel.device.empty()) arrived.iifname(tunnel.device);
        if (tunnel.local) arrived.daddr(Prefix::host(*tunnel.local));
        add_port(std::move(arrived), {tunnel.port, family}, content(tunnel), outer);
    }

    void add(const Key& port, const std::set<std::uint32_t>& networks, Chain& outer) {
        Chain chain{.hook = {}, .rules = {Rule{}.jump("sender")}};
        for (const std::uint32_t vni : networks) {
            const Bytes vni_bytes{static_cast<std::uint8_t>(vni >> 16), static_cast<std::uint8_t>(vni >> 8 & 0xff),
                                  static_cast<std::uint8_t>(vni & 0xff)};
            chain.rules.push_back(Rule{}
                                      .transport_masked(after_udp, geneve_mask, geneve_with_frame)
                                      .transport(after_udp + 4, vni_bytes)
                                      .accept());
        }
        chain.rules.push_back(caught({}, bad_header));
        add_port(Rule{}.nfproto(port.second), port, std::move(chain), outer);
    }

    void add_port(Rule arrived, const Key& port, Chain content, Chain& outer) {
        const std::string chain = fmt::format("port_{}_{}", port.first, netlink::name(port.second));
        outer.rules.push_back(std::move(arrived.l4proto(IPPROTO_UDP).dport(port.first).go_to(chain)));
        table_.chains[chain] = std::move(content);
    }

    /// What a packet to the port may hold; it is a whole one, or a first fragment. The kernel would hand any protocol
    /// that a GUE header names to this host's own, past every firewall.
    [[nodiscard]] Chain content(const UdpTunnel& tunnel) const {
        Chain chain{.hook = {}, .rules = {Rule{}.jump("sender")}};
        const auto let_in = [&](Rule rule) { chain.rules.push_back(std::move(rule.accept())); };
        const bool is_gue = tunnel.type == FouType::gue;
        const auto let_in_ip = [&](std::uint8_t protocol, std::uint8_t version) {
            if (is_gue) let_in(Rule{}.transport_masked(after_udp, gue_mask, {0, protocol}));
            let_in(Rule{}.transport_masked(after_udp, {0xf0}, {version}));  // of GUE this is variant 1
        };
        const auto gre = [&] { return is_gue ? Rule{}.transport(after_udp, {0, IPPROTO_GRE}) : Rule{}; };
        const std::uint32_t offset = is_gue ? after_gue : after_udp;
        if (tunnel.inner.contains(Inner::ipv4)) let_in_ip(IPPROTO_IPIP, 0x40);
        if (tunnel.inner.contains(Inner::ipv6)) let_in_ip(IPPROTO_IPV6, 0x60);
        if (tunnel.inner.contains(Inner::gre) && any_gre_)
            let_in(gre());
        else if (tunnel.inner.contains(Inner::gre))
            for (const Bytes& header : {gre_with_ipv4, gre_with_ipv6}) let_in(gre().transport(offset, header));
        chain.rules.push_back(caught({}, bad_header));
        return chain;
    }

    const Desired& desired_;
    const Config& config_;
    Table& table_;
    std::map<Key, UdpTunnel> ports_;
    std::map<Key, std::set<std::uint32_t>> networks_;  // of Geneve, by their VNIs
    bool any_gre_;  // a tunnel of `tunnels` may have keys and Ethernet frames in GRE; its device says which
};

}  // namespace

std::string family_set(std::string_view name, Family family) {
    return fmt::format("{}{}", name, family == Family::ipv4 ? 4 : 6);
}

void add_guard(const Desired& desired, Table& table) {
    if (desired.config.guard != Guard::off) GuardWriter(desired, table).write();
}

}  // namespace culvert::realserver
