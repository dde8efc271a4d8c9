// SPDX-License-Identifier: Apache-2.0
#include "realserver/wanted.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace culvert::realserver {

namespace {

using netlink::FouType;
using netlink::SysctlKey;
using netlink::TunnelInner;

constexpr FallbackDevice tunl0{"tunl0", "ipip"};
constexpr FallbackDevice sit0{"sit0", "sit"};
constexpr FallbackDevice ip6tnl0{"ip6tnl0", "ip6_tunnel"};
constexpr FallbackDevice gre0{"gre0", "ip_gre"};
constexpr FallbackDevice ip6gre0{"ip6gre0", "ip6_gre"};

std::set<Family> families(const std::vector<Prefix>& prefixes) {
    std::set<Family> result;
    for (const Prefix& prefix : prefixes) result.insert(prefix.address.family());
    return result;
}

/// The devices that packets come out of, and of which families.
class Receivers {
  public:
    explicit Receivers(const Config& config) : vips_(families(config.vips)) {
        for (const Receive& receive : config.receive) std::visit(*this, receive);
    }

    void operator()(const IpTunnel& tunnel) {
        for (const Family outer : tunnel.outer)
            for (const Family inner : tunnel.inner) {
                const Inner next = tunnel.encap == common::EncapKind::gre ? Inner::gre
                                   : inner == Family::ipv4                ? Inner::ipv4
                                                                          : Inner::ipv6;
                add(fallback_device(outer, next), {inner});
            }
    }
    void operator()(const UdpTunnel& tunnel) {
        modules_.insert("fou");
        for (const Family outer : tunnel.outer)
            for (const Inner inner : tunnel.inner) {
                const std::set<Family> carried = inner == Inner::gre    ? vips_
                                                 : inner == Inner::ipv4 ? std::set{Family::ipv4}
                                                                        : std::set{Family::ipv6};
                add(fallback_device(outer, inner), carried);
            }
    }
    void operator()(const L3dsr&) {}
    void operator()(const L2&) {}

    [[nodiscard]] const std::map<std::string_view, std::set<Family>>& devices() const { return devices_; }
    [[nodiscard]] const std::set<std::string_view>& modules() const { return modules_; }
    [[nodiscard]] bool carries(std::string_view device, Family family) const {
        const auto found = devices_.find(device);
        return found != devices_.end() && found->second.contains(family);
    }

  private:
    void add(const FallbackDevice& device, const std::set<Family>& carried) {
        devices_[device.name].insert(carried.begin(), carried.end());
        modules_.insert(device.module);
    }

    std::set<Family> vips_;
    std::map<std::string_view, std::set<Family>> devices_;
    std::set<std::string_view> modules_;
};

std::uint8_t protocol(Inner inner) {
    switch (inner) {
        case Inner::ipv4:
            return IPPROTO_IPIP;
        case Inner::ipv6:
            return IPPROTO_IPV6;
        case Inner::gre:
            return IPPROTO_GRE;
    }
    return 0;
}

void want_ports(const UdpTunnel& tunnel, HostState& wanted) {
    for (const Family outer : tunnel.outer)
        put(wanted,
            Port{.port = {.family = outer,
                          .port = tunnel.port,
                          .type = tunnel.type,
                          .protocol = tunnel.type == FouType::fou ? protocol(*tunnel.inner.begin()) : std::uint8_t{0},
                          .local = tunnel.local,
                          .peer = tunnel.peer,
                          .peer_port = tunnel.peer_port},
                 .device = tunnel.device});
}

/// Tracked, the connection's answers would be translated back to the address that the packet came to.
netlink::nft::Rule restore_vip(const L3dsr& mark) {
    return netlink::nft::Rule{}
        .nfproto(mark.vip.family())
        .dscp(mark.vip.family(), mark.dscp)
        .fib_daddr_local()
        .counter()
        .set_daddr(mark.vip)
        .notrack()
        .with_comment(fmt::format("dscp {} -> {}", mark.dscp, mark.vip.to_string()));
}

/// Tracked without their requests, answers would be invalid or fill the table of connections.
netlink::nft::Rule leave_untracked(const IpAddress& vip) {
    return netlink::nft::Rule{}.nfproto(vip.family()).saddr(Prefix::host(vip)).notrack();
}

void want_table(const Config& config, HostState& wanted) {
    using namespace netlink::nft;
    Chain requests{Hook{HookPoint::prerouting, priority_raw}};
    Chain answers{Hook{HookPoint::output, priority_raw}};
    bool only_l3dsr = true;
    std::set<IpAddress> vips;
    for (const Receive& receive : config.receive) {
        const auto* mark = std::get_if<L3dsr>(&receive);
        only_l3dsr = only_l3dsr && mark != nullptr;
        if (mark == nullptr) continue;
        requests.rules.push_back(restore_vip(*mark));
        if (vips.insert(mark->vip).second) answers.rules.push_back(leave_untracked(mark->vip));
    }
    if (requests.rules.empty()) return;
    Table table{.name = std::string(table_name)};
    table.chains.emplace("l3dsr", std::move(requests));
    // What comes by a tunnel is tracked, and so must its answers be.
    if (only_l3dsr) table.chains.emplace("l3dsr_answers", std::move(answers));
    put(wanted, Ruleset{std::move(table)});
}

long number(const std::optional<Item>& item) { return item ? std::get<Sysctl>(*item).value : 0; }

void want_rp_filter(const Receivers& receivers, const HostState& found, const Record& record, HostState& wanted) {
    const auto before = [&](const SysctlKey& sysctl) {
        return number(original(record, found, {Kind::sysctl, sysctl.to_string()}));
    };
    const auto carries_ipv4 = [&](std::string_view device) { return receivers.carries(device, Family::ipv4); };

    bool needed = false;
    for (const auto& [device, carried] : receivers.devices()) {
        if (!carried.contains(Family::ipv4)) continue;
        needed = true;
        put(wanted, Sysctl{SysctlKey::rp_filter(device), 0});
    }
    if (!needed) return;
    const long former = before(SysctlKey::rp_filter("all"));
    put(wanted, Sysctl{SysctlKey::rp_filter("all"), 0});
    if (former == 0) return;
    const auto keep = [&](std::string_view device) {
        const SysctlKey own = SysctlKey::rp_filter(device);
        put(wanted, Sysctl{own, std::max(before(own), former)});
    };
    keep("default");
    for (const auto& [key, item] : found)
        if (key.kind == Kind::link && !carries_ipv4(key.name)) keep(key.name);
}

/// Values that already keep VIPs out of ARP stay: ip-sysctl.rst, arp_ignore 1, 2 and 8.
void want_arp(const HostState& found, HostState& wanted) {
    const SysctlKey ignore = SysctlKey::arp_ignore("all");
    const long now = number(find(found, {Kind::sysctl, ignore.to_string()}));
    put(wanted, Sysctl{ignore, now == 2 || now == 8 ? now : 1});
    put(wanted, Sysctl{SysctlKey::arp_announce("all"), 2});
}

void want_mode(const Receivers& receivers, const HostState& found, HostState& wanted) {
    const auto device = receivers.devices().find(ip6tnl0.name);
    if (device == receivers.devices().end()) return;
    const std::string name(ip6tnl0.name);
    const auto now = find(found, {Kind::mode, name});
    const bool ipv4 = device->second.contains(Family::ipv4);
    const bool ipv6 = device->second.contains(Family::ipv6);
    const TunnelInner least = ipv4 && ipv6 ? TunnelInner::any : ipv4 ? TunnelInner::ipv4 : TunnelInner::ipv6;
    const bool will_do = now && std::get<TunnelMode>(*now).inner == least;
    put(wanted, TunnelMode{name, will_do ? least : TunnelInner::any});
}

}  // namespace

FallbackDevice fallback_device(Family outer, Inner inner) {
    if (outer == Family::ipv6) return inner == Inner::gre ? ip6gre0 : ip6tnl0;
    return inner == Inner::gre ? gre0 : inner == Inner::ipv4 ? tunl0 : sit0;
}

std::vector<std::string_view> devices_of_module(std::string_view module) {
    if (module == "ipip") return {"tunl0"};
    if (module == "sit") return {"sit0"};
    if (module == "ip6_tunnel") return {"ip6tnl0"};
    if (module == "ip_gre") return {"gre0", "gretap0", "erspan0"};
    if (module == "ip6_gre") return {"ip6gre0", "ip6tnl0"};
    return {};
}

std::vector<std::string_view> needed_modules(const Config& config) {
    const Receivers receivers(config);
    return {receivers.modules().begin(), receivers.modules().end()};
}

HostState want(const Config& config, const HostState& found, const Record& record) {
    HostState wanted;
    const Receivers receivers(config);
    put(wanted, Link{"lo", true});
    for (const std::string_view module : receivers.modules()) put(wanted, Module{std::string(module)});
    for (const auto& [device, carried] : receivers.devices()) put(wanted, Link{std::string(device), true});
    want_mode(receivers, found, wanted);
    if (config.rp_filter == Policy::managed) want_rp_filter(receivers, found, record, wanted);
    if (config.arp == Policy::managed && families(config.vips).contains(Family::ipv4)) want_arp(found, wanted);
    for (const Prefix& vip : config.vips) put(wanted, Vip{vip});
    want_table(config, wanted);
    for (const Receive& receive : config.receive)
        if (const auto* tunnel = std::get_if<UdpTunnel>(&receive)) want_ports(*tunnel, wanted);
    return wanted;
}

}  // namespace culvert::realserver
