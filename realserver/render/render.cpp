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
#include "realserver/plan/wanted.hpp"
#include "realserver/receive/encapsulation.hpp"
#include "realserver/receive/receivers.hpp"
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

/// A failure to set a device's parameter is ignored, as the device may not exist yet.
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

/// The outer headers of a tunnel: an IP protocol or a UDP port.
struct Outside {
    Family family;
    std::string_view by;  ///< "protocol" or "port"
    int number;
    auto operator<=>(const Outside&) const = default;
};

std::set<Outside> outside_of(const TunnelEnd& end) {
    std::set<Outside> result;
    for (const Family outer : end.outer) {
        if (end.port != 0)
            result.insert({outer, "port", end.port});
        else
            for (const std::uint8_t protocol : outer_protocols(end)) result.insert({outer, "protocol", protocol});
    }
    return result;
}

std::set<Outside> outside_of(const PointToPoint& tunnel) {
    const Family outer = netlink::outer_family(tunnel.parameters.kind);
    if (const auto port = receive_port(tunnel)) return {{outer, "port", port->port}};
    if (tunnel.parameters.encap.type != netlink::EncapType::none) return {};
    if (netlink::is_gre(tunnel.parameters.kind)) return {{outer, "protocol", IPPROTO_GRE}};
    std::set<Outside> result;
    if (tunnel.parameters.inner != netlink::TunnelInner::ipv6) result.insert({outer, "protocol", IPPROTO_IPIP});
    if (tunnel.parameters.inner != netlink::TunnelInner::ipv4) result.insert({outer, "protocol", IPPROTO_IPV6});
    return result;
}

data rule(const Outside& tunnel, const Prefix& from) {
    data rule;
    rule.set("family", std::string(netlink::name(tunnel.family)));
    rule.set("balancer", from.is_host() ? from.address.to_string() : from.to_string());
    rule.set(std::string(tunnel.by), std::to_string(tunnel.number));
    return rule;
}

/// Each tunnel from each balancer, and each device of `tunnels` from its other end.
data rules(const Config& config) {
    std::set<Outside> outside;
    for (const Receive& receive : config.receive)
        if (const auto* end = std::get_if<TunnelEnd>(&receive)) outside.merge(outside_of(*end));
    data list = data::type::list;
    for (const Outside& tunnel : outside)
        for (const Prefix& balancer : config.balancers)
            if (balancer.address.family() == tunnel.family) list.push_back(rule(tunnel, balancer));
    for (const PointToPoint& tunnel : config.tunnels)
        for (const Outside& seen : outside_of(tunnel))
            list.push_back(rule(seen, Prefix::host(tunnel.parameters.remote.value())));
    return list;
}

/// Whether the target host may need XDP: only its own kernel tells whether it has the tunnel device.
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
    // No rendered value contains characters that XML has to escape.
    tmpl.set_custom_escape([](const std::string& text) { return text; });
    return tmpl.render(values);
}

}  // namespace culvert::realserver
