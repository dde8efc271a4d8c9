// SPDX-License-Identifier: Apache-2.0
#include "realserver/render/render.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <netinet/in.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <kainjow/mustache.hpp>

#include "netlink/nftables/text.hpp"
#include "realserver/desired/decide.hpp"
#include "realserver/desired/receivers.hpp"
#include "realserver/plan/wanted.hpp"
#include "realserver/render/templates.hpp"

namespace culvert::realserver {

namespace {

using kainjow::mustache::data;

/// The names of all items of one kind, in order.
std::vector<std::string> names_of(const HostState& wanted, Kind kind) {
    std::vector<std::string> names;
    for (const auto& [key, item] : wanted)
        if (key.kind == kind) names.push_back(key.name);
    return names;
}

data modules(const HostState& wanted) {
    data list = data::type::list;
    for (const std::string& name : names_of(wanted, Kind::module)) list.push_back(data("name", name));
    return list;
}

/// Of a device's parameter a failure is ignored: it comes with the device.
data sysctls(const HostState& wanted) {
    data list = data::type::list;
    for (const auto& [key, item] : wanted) {
        if (key.kind != Kind::sysctl) continue;
        const bool of_all = key.name.find(".all.") != std::string::npos;
        data sysctl;
        sysctl.set("ignore", of_all ? "" : "-");
        sysctl.set("name", key.name);
        sysctl.set("value", value(item));
        list.push_back(std::move(sysctl));
    }
    return list;
}

/// How tunnels look from outside: by an IP protocol, or by a UDP port.
class Outside {
  public:
    struct Tunnel {
        Family family;
        std::string_view by;  ///< "protocol" or "port"
        int number;
        auto operator<=>(const Tunnel&) const = default;
    };

    explicit Outside(const Config& config) {
        for (const Receive& receive : config.receive) std::visit(*this, receive);
    }
    [[nodiscard]] const std::set<Tunnel>& tunnels() const { return tunnels_; }

    void operator()(const IpTunnel& tunnel) {
        const bool gre = tunnel.encap == common::EncapKind::gre;
        for (const Family outer : tunnel.outer)
            for (const Family inner : tunnel.inner)
                tunnels_.insert({outer, "protocol",
                                 gre                     ? IPPROTO_GRE
                                 : inner == Family::ipv4 ? IPPROTO_IPIP
                                                         : IPPROTO_IPV6});
    }
    void operator()(const UdpTunnel& tunnel) {
        for (const Family outer : tunnel.outer) tunnels_.insert({outer, "port", tunnel.port});
    }
    void operator()(const GeneveTunnel& tunnel) {
        for (const Family outer : tunnel.outer) tunnels_.insert({outer, "port", tunnel.port});
    }
    void operator()(const L3dsr&) {}
    void operator()(const L2&) {}

  private:
    std::set<Tunnel> tunnels_;
};

std::set<Outside::Tunnel> outside_of(const PointToPoint& tunnel) {
    const Family outer = netlink::outer_family(tunnel.parameters.kind);
    if (const auto port = receive_port(tunnel)) return {{outer, "port", port->port}};
    if (tunnel.parameters.encap.type != netlink::EncapType::none) return {};
    if (netlink::is_gre(tunnel.parameters.kind)) return {{outer, "protocol", IPPROTO_GRE}};
    std::set<Outside::Tunnel> result;
    if (tunnel.parameters.inner != netlink::TunnelInner::ipv6) result.insert({outer, "protocol", IPPROTO_IPIP});
    if (tunnel.parameters.inner != netlink::TunnelInner::ipv4) result.insert({outer, "protocol", IPPROTO_IPV6});
    return result;
}

data rule(const Outside::Tunnel& tunnel, const Prefix& from) {
    data rule;
    rule.set("family", std::string(netlink::name(tunnel.family)));
    rule.set("balancer", from.is_host() ? from.address.to_string() : from.to_string());
    rule.set(std::string(tunnel.by), std::to_string(tunnel.number));
    return rule;
}

/// Each tunnel from each balancer, and the explicit ones from their other ends.
data rules(const Config& config) {
    const Outside outside(config);
    data list = data::type::list;
    for (const Outside::Tunnel& tunnel : outside.tunnels())
        for (const Prefix& balancer : config.balancers)
            if (balancer.address.family() == tunnel.family) list.push_back(rule(tunnel, balancer));
    for (const PointToPoint& tunnel : config.tunnels)
        for (const Outside::Tunnel& seen : outside_of(tunnel))
            list.push_back(rule(seen, Prefix::host(tunnel.parameters.remote.value())));
    return list;
}

/// Where this host's kernel has no device, which may turn out elsewhere only.
bool may_take_xdp(const Config& config) {
    return std::ranges::any_of(config.receive, [](const Receive& receive) { return via(receive) != Via::kernel; });
}

std::string_view text_of(std::string_view template_name) {
    return std::ranges::find(templates::embedded, template_name, &std::pair<std::string_view, std::string_view>::first)
        ->second;
}

}  // namespace

std::string render(const Rendering& rendering, const Config& config, const Installation& installation) {
    const HostState wanted = want(decide(config, {}), {}, {});
    data values;
    values.set("program", installation.program.string());
    values.set("config", installation.config.string());
    values.set("modules", modules(wanted));
    values.set("devices", fmt::format("{}", fmt::join(names_of(wanted, Kind::link), " | ")));
    values.set("sysctls", sysctls(wanted));
    values.set("rp_filter", wanted.contains({Kind::sysctl, netlink::SysctlKey::rp_filter("all").to_string()}));
    values.set("rules", rules(config));
    values.set("xdp", may_take_xdp(config));
    for (const auto& [key, item] : wanted)
        if (const auto* ruleset = std::get_if<Ruleset>(&item)) values.set("table", to_text(ruleset->table));

    kainjow::mustache::mustache tmpl{std::string(text_of(rendering.template_))};
    // Nothing rendered holds what XML would have to escape.
    tmpl.set_custom_escape([](const std::string& text) { return text; });
    return tmpl.render(values);
}

}  // namespace culvert::realserver
