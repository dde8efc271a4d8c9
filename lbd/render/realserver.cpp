// SPDX-License-Identifier: Apache-2.0
#include "lbd/render/realserver.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <ranges>
#include <set>
#include <string_view>
#include <variant>

#include "common/encap.hpp"

namespace culvert::lbd {
namespace {

using Families = std::set<Family>;

/// What one element of `receive` says.
struct Receive {
    std::string encap;
    bool tunnel = false;         ///< may be narrowed to an outer family
    bool tells_families = true;  ///< may be narrowed to an inner family, other than by what `encap` says
    auto operator<=>(const Receive&) const = default;
};

/// Outer families, and what they carry.
using Carried = std::map<Family, Families>;

struct ReceiveOf {
    const Vip& vip;

    Receive operator()(const L2&) const { return {"encap: l2"}; }
    Receive operator()(const Ipip&) const { return {"encap: ipip", true}; }
    Receive operator()(const Gre&) const { return {"encap: gre", true}; }
    Receive operator()(const Fou& fou) const {
        const std::string_view inner = fou.gre ? "gre" : netlink::name(vip.family());
        return {fmt::format("encap: fou, port: {}, inner: {}", fou.port, inner), true, false};
    }
    Receive operator()(const Gue& gue) const {
        if (gue.gre) return {fmt::format("encap: gue, port: {}, inner: gre", gue.port), true, false};
        return {fmt::format("encap: gue, port: {}", gue.port), true};
    }
    Receive operator()(const Geneve& geneve) const {
        const bool usual = geneve.port == common::geneve_port;
        return {
            fmt::format("encap: geneve, vni: {}{}", geneve.vni, usual ? "" : fmt::format(", port: {}", geneve.port)),
            true};
    }
    Receive operator()(const L3dsr& l3dsr) const;
};

/// A colon begins a value in YAML.
std::string quoted(const std::string& text) { return text.find(':') == std::string::npos ? text : '"' + text + '"'; }

Receive ReceiveOf::operator()(const L3dsr& l3dsr) const {
    return {fmt::format("encap: l3dsr, dscp: {}, vip: {}", l3dsr.dscp, quoted(vip.to_string()))};
}

template <typename Values>
std::string list(const Values& values) {
    std::vector<std::string> texts;
    for (const auto& value : values) texts.push_back(quoted(value.to_string()));
    return fmt::format("[{}]", fmt::join(texts, ", "));
}

std::string narrowed(std::string_view key, const Families& wanted, const Families& usual) {
    return wanted == usual ? "" : fmt::format(", {}: {}", key, netlink::name(*wanted.begin()));
}

/// One element where the tunnels of all balancers carry the same; otherwise one for each outer family.
void add_elements(const Receive& receive, const Carried& carried, const Families& balancers, const Families& vips,
                  std::vector<std::string>& elements) {
    const auto add = [&](const Families& outer, const Families& inner) {
        elements.push_back(receive.encap + (receive.tells_families ? narrowed("inner", inner, vips) : "") +
                           narrowed("family", outer, balancers));
    };
    const Families& first = carried.begin()->second;
    const auto carries_the_same = [&](const auto& entry) { return entry.second == first; };
    const auto outer = carried | std::views::keys;
    if (!receive.tunnel)
        elements.push_back(receive.encap);
    else if (std::ranges::all_of(carried, carries_the_same))
        add({outer.begin(), outer.end()}, first);
    else
        for (const auto& [family, inner] : carried) add({family}, inner);
}

Families families_of(const auto& values) {
    Families result;
    for (const auto& value : values) result.insert(value.family());
    return result;
}

}  // namespace

tl::expected<std::string, std::string> render_realserver(const Services& services,
                                                         const std::vector<IpAddress>& addresses,
                                                         const std::vector<IpAddress>& balancers) {
    const std::set<IpAddress> senders(balancers.begin(), balancers.end());
    const Families outer_families = families_of(senders);
    std::set<Vip> vips;
    std::set<IpAddress> found;
    std::map<Receive, Carried> receives;
    for (const Service& service : services)
        for (const Backend& backend : service.backends) {
            if (std::ranges::count(addresses, backend.address) == 0) continue;
            found.insert(backend.address);
            vips.insert(service.vip);
            const Receive receive = std::visit(ReceiveOf{service.vip}, backend.encap);
            receives[receive][backend.address.family()].insert(service.vip.family());
            if (receive.tunnel && !outer_families.contains(backend.address.family()))
                return tl::unexpected(
                    fmt::format("no {} address of a balancer is known, from which backend {} would "
                                "get its packets",
                                backend.address.is_v4() ? "IPv4" : "IPv6", backend.address.to_string()));
        }
    for (const IpAddress& address : addresses)
        if (!found.contains(address))
            return tl::unexpected(fmt::format("no service has a backend {}", address.to_string()));

    std::vector<std::string> elements;
    for (const auto& [receive, carried] : receives)
        add_elements(receive, carried, outer_families, families_of(vips), elements);
    std::string text;
    if (!senders.empty()) text += fmt::format("balancers: {}\n", list(senders));
    text += fmt::format("vips: {}\nreceive:\n", list(vips));
    for (const std::string& element : elements) text += fmt::format("  - {{{}}}\n", element);
    return text;
}

}  // namespace culvert::lbd
