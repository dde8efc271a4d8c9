// SPDX-License-Identifier: Apache-2.0
#include "lbd/network/report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "lbd/encap/shim.hpp"
#include "lbd/model/cure.hpp"
#include "lbd/model/reasons.hpp"

namespace culvert::lbd {
namespace {

constexpr std::size_t most_named = 3;

/// Whether both have the same interface, MAC address and VLAN tags, or the same drop reason.
bool is_same_way(const Hop& one, const Hop& other) {
    if (!one || !other) return one.has_value() == other.has_value() && one.error() == other.error();
    return one->ifindex == other->ifindex && one->destination == other->destination && one->tags == other->tags;
}

/// "10.0.0.3, 10.0.0.4, 10.0.0.5, …"
template <typename Names>
std::string some_of(const Names& names) {
    std::vector<std::string> some;
    for (const auto& name : names) {
        if (some.size() == most_named) {
            some.emplace_back("…");
            break;
        }
        some.push_back(name);
    }
    return fmt::format("{}", fmt::join(some, ", "));
}

}  // namespace

std::vector<WayChange> way_changes(const Hops& before, const Hops& after,
                                   const std::function<std::string(const IpAddress&)>& why) {
    std::vector<WayChange> changes;
    for (const auto& [backend, hop] : after) {
        if (const auto old = before.find(backend); old != before.end() && is_same_way(old->second, hop)) continue;
        const std::string cause = hop ? std::string() : why(backend);
        const auto alike = std::ranges::find_if(
            changes, [&](const WayChange& one) { return is_same_way(one.hop, hop) && one.why == cause; });
        if (alike != changes.end())
            alike->backends.push_back(backend);
        else
            changes.push_back({.backends = {backend}, .hop = hop, .why = cause});
    }
    return changes;
}

std::string text(const WayChange& change, const Network& network) {
    std::vector<std::string> names;
    for (const IpAddress& backend : change.backends) names.push_back(backend.to_string());
    const std::string who =
        names.size() == 1 ? "backend " + names.front() : fmt::format("{} backends ({})", names.size(), some_of(names));
    if (change.hop) {
        const auto port = network.ports.find(change.hop->ifindex);
        return fmt::format("{}: reachable by {} at {}", who,
                           port == network.ports.end() ? std::string("an interface that is gone") : port->second.name,
                           change.hop->destination.to_string());
    }
    const std::string why = change.why.empty() ? std::string() : "; " + change.why;
    return fmt::format("{}: not reachable: {}{}", who, reasons[change.hop.error()].text, why);
}

std::optional<std::uint16_t> lacks_for_ipv6(const Encap& encap, Family inner, const IpAddress& backend,
                                            const NextHop& next) {
    const std::uint16_t present = next.narrowest();
    if (inner != Family::ipv6 || present >= least_ipv6_mtu + LB_TEMPLATE_MAX) return std::nullopt;
    const std::size_t added = added_by(encap, inner, backend.family());
    if (present >= least_ipv6_mtu + added) return std::nullopt;
    return static_cast<std::uint16_t>(least_ipv6_mtu + added);
}

std::vector<NarrowPath> narrow_paths(const Services& services, const Hops& hops) {
    std::vector<NarrowPath> narrow;
    if (!services.have(Trait::ipv6)) return narrow;
    for (const Service& service : services) {
        if (service.vip.family() != Family::ipv6) continue;
        for (const Backend& backend : service.backends) {
            const auto hop = hops.find(backend.address);
            if (hop == hops.end() || !hop->second) continue;
            const auto needs = lacks_for_ipv6(backend.encap, Family::ipv6, backend.address, *hop->second);
            if (needs)
                narrow.push_back({.service = service.name,
                                  .backend = backend.name,
                                  .mtu = hop->second->narrowest(),
                                  .needs = *needs});
        }
    }
    return narrow;
}

std::string text(const std::vector<NarrowPath>& paths) {
    if (paths.empty()) return {};
    std::vector<std::string> names;
    for (const NarrowPath& path : paths) names.push_back(path.service + " " + path.backend);
    const auto widest = std::ranges::max_element(paths, {}, &NarrowPath::needs);
    return fmt::format(
        "IPv6 clients' packets of up to {} bytes do not fit the path to {}: its MTU is {}, and they need {}; {}",
        least_ipv6_mtu,
        paths.size() == 1 ? names.front() : fmt::format("{} backends ({})", names.size(), some_of(names)), widest->mtu,
        widest->needs, cure_of("path_too_narrow"));
}

}  // namespace culvert::lbd
