// SPDX-License-Identifier: Apache-2.0
#include "lbd/network/ways.hpp"

#include <utility>

namespace culvert::lbd {
namespace {

/// No router is in between that could report a path MTU.
bool is_on_link(const std::optional<netlink::Route>& route) {
    return !route || route->hops.empty() || !route->hops.front().gateway;
}

}  // namespace

void Ways::forget(const Services::Shared& service) {
    sent_.remove(service);
    for (const Backend& backend : service->backends) {
        if (sent_.backends().contains(backend.address)) continue;
        routes_.erase(backend.address);
        hops_.erase(backend.address);
        path_mtus_.forget(backend.address);
    }
}

bool Ways::lead_into(const netlink::Prefix& prefix) const {
    const auto first = sent_.backends().lower_bound(prefix.network().address);
    return first != sent_.backends().end() && prefix.contains(first->first);
}

Hops Ways::update(const Network& network, const Lookup& lookup) {
    if (std::exchange(routes_are_stale_, false)) routes_.clear();
    if (routes_.size() < sent_.backends().size()) look_up_routes(lookup);
    Hops hops;
    for (const auto& [backend, route] : routes_) {
        Hop& hop = hops.emplace(backend, next_hop(backend, route, network)).first->second;
        if (hop) complete(backend, *hop);
    }
    return hops_ = std::move(hops);
}

Hops Ways::ways_out(const Network& network, const Lookup& lookup) {
    look_up_routes(lookup);
    Hops hops;
    for (const auto& [backend, route] : routes_) hops.emplace(backend, way_out(backend, route, network));
    return hops;
}

void Ways::look_up_routes(const Lookup& lookup) {
    for (const auto& [backend, kinds] : sent_.backends())
        if (!routes_.contains(backend)) routes_[backend] = lookup(backend);
}

/// Adds what the kernel's tables do not tell.
void Ways::complete(const IpAddress& backend, NextHop& hop) const {
    if (backend.is_v4()) hop.identification = flow_key_.identification(hop.from, backend);
    const auto* learned = path_mtus_.find(backend, hop);
    if (learned != nullptr && learned->mtu < hop.mtu) hop.path_mtu = learned->mtu;
}

std::optional<NeighbourKey> Ways::neighbour_of(const IpAddress& backend, const Network& network) const {
    const auto route = routes_.find(backend);
    if (route == routes_.end() || !route->second) return std::nullopt;
    return neighbour_on_the_way(backend, *route->second, network);
}

std::set<NeighbourKey> Ways::neighbours(const Network& network) const {
    std::set<NeighbourKey> keys;
    for (const auto& [backend, route] : routes_)
        if (const auto key = neighbour_of(backend, network)) keys.insert(*key);
    return keys;
}

std::string Ways::why_unresolved(const IpAddress& backend, const Network& network) const {
    const auto route = routes_.find(backend);
    if (route == routes_.end() || !route->second) return {};
    if (!route->second->source) return "there is a route, but this host has no address to send from";
    const auto key = neighbour_of(backend, network);
    return key ? lbd::why_unresolved(*key, network) : std::string();
}

const PathMtus::Learned* Ways::hear(const Quotation& quotation, Clock::time_point now) {
    const auto judged = judge(quotation, now);
    if (!judged || !*judged) return nullptr;
    return path_mtus_.find(quotation.destination, *hops_.at(quotation.destination));
}

/// Whether the report changes anything, or why it is not believed.
tl::expected<bool, Doubt> Ways::judge(const Quotation& quotation, Clock::time_point now) {
    const auto hop = hops_.find(quotation.destination);
    if (hop == hops_.end()) return tl::unexpected(Doubt::destination);
    if (!hop->second) return tl::unexpected(Doubt::unreachable);
    if (const auto route = routes_.find(quotation.destination); route == routes_.end() || is_on_link(route->second))
        return tl::unexpected(Doubt::on_link);
    return path_mtus_.hear(quotation, sent_.check(quotation, *hop->second, flow_key_), *hop->second, now);
}

}  // namespace culvert::lbd
