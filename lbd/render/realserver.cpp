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

#include "lbd/encap/encap.hpp"

namespace culvert::lbd {
namespace {

using Families = std::set<Family>;

/// One element of `receive`.
struct Receive {
    std::string encap;
    bool tunnel = false;         ///< may be limited to an outer family
    bool tells_families = true;  ///< may be limited to an inner family, unless `encap` already says it
    auto operator<=>(const Receive&) const = default;
};

/// The inner families for each outer family.
using Carried = std::map<Family, Families>;

/// In YAML, a colon would start a value.
std::string quoted(const std::string& text) { return text.find(':') == std::string::npos ? text : '"' + text + '"'; }

template <typename Kind, typename Row>
void tell(const Kind& encap, const Row& key, std::string& text) {
    if constexpr (requires { key.told; }) {
        const auto& value = encap.*key.member;
        if (key.told == Told::never || (key.told == Told::if_not_default && value == Kind{}.*key.member)) return;
        if constexpr (requires { key.text(value); })
            text += fmt::format(", {}: {}", key.name, key.text(value));
        else
            text += fmt::format(", {}: {}", key.name, value);
    }
}

/// The element of `receive` for this encapsulation of a service with this VIP.
Receive receive_of(const Encap& encap, const Vip& vip) {
    Receive receive{.encap = fmt::format("encap: {}", name(kind_of(encap))), .tunnel = is_tunnel(encap)};
    std::visit(
        [&]<typename Kind>(const Kind& kind) {
            for_each_key<Kind>([&](const auto& key) { tell(kind, key, receive.encap); });
            if constexpr (requires { kind.gre; }) receive.tells_families = !kind.gre;
        },
        encap);
    if (const auto* fou = std::get_if<Fou>(&encap); fou != nullptr && !fou->gre) {
        receive.encap += fmt::format(", inner: {}", netlink::name(vip.family()));
        receive.tells_families = false;
    }
    if (std::holds_alternative<L3dsr>(encap)) receive.encap += fmt::format(", vip: {}", quoted(vip.to_string()));
    return receive;
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

/// Adds one element if the tunnels of all outer families carry the same; otherwise one for each outer family.
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
            const Receive receive = receive_of(backend.encap, service.vip);
            receives[receive][backend.address.family()].insert(service.vip.family());
            if (receive.tunnel && !outer_families.contains(backend.address.family()))
                return tl::unexpected(fmt::format("no {} address of a balancer is known for the tunnel to backend {}",
                                                  backend.address.is_v4() ? "IPv4" : "IPv6",
                                                  backend.address.to_string()));
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
