// SPDX-License-Identifier: Apache-2.0
#include "lbd/model/services.hpp"

#include <algorithm>
#include <bitset>
#include <iterator>
#include <string_view>
#include <unordered_map>
#include <variant>

namespace culvert::lbd {
namespace {

using Traits = std::bitset<traits>;

constexpr std::size_t number(Trait trait) { return static_cast<std::size_t>(trait); }

Trait trait_of(const Encap& encap) {
    if (std::holds_alternative<L2>(encap)) return Trait::l2;
    return is_tunnel(encap) ? Trait::tunnel : Trait::l3dsr;
}

Traits traits_of(const Service& service) {
    Traits has;
    has[number(service.vip.family() == Family::ipv4 ? Trait::ipv4 : Trait::ipv6)] = true;
    has[number(Trait::network)] = !service.vip.prefix.is_host();
    has[number(Trait::all_ports)] = std::ranges::find(service.ports, 0, &PortSpec::port) != service.ports.end();
    has[number(Trait::sticky)] = service.sticky;
    has[number(Trait::health)] = service.health.has_value();
    for (const Backend& backend : service.backends) has[number(trait_of(backend.encap))] = true;
    return has;
}

}  // namespace

Services::List& Services::own() {
    if (list_.use_count() > 1) list_ = std::make_shared<List>(*list_);
    return *list_;
}

void Services::push_back(Shared service) {
    List& list = own();
    const Traits has = traits_of(*service);
    for (std::size_t i = 0; i < traits; ++i) list.having[i] += has[i] ? 1 : 0;
    list.backends += service->backends.size();
    list.services.push_back(std::move(service));
}

void Services::replace(std::size_t first, std::size_t end, const Services& others) {
    List& list = own();
    const auto from = list.services.begin() + static_cast<std::ptrdiff_t>(first);
    const auto to = list.services.begin() + static_cast<std::ptrdiff_t>(end);
    for (auto service = from; service != to; ++service) {
        const Traits had = traits_of(**service);
        for (std::size_t i = 0; i < traits; ++i) list.having[i] -= had[i] ? 1 : 0;
        list.backends -= (*service)->backends.size();
    }
    for (std::size_t i = 0; i < traits; ++i) list.having[i] += others.list_->having[i];
    list.backends += others.list_->backends;
    const auto& come = others.shared();
    list.services.insert(list.services.erase(from, to), come.begin(), come.end());
}

bool Services::operator==(const Services& other) const {
    const auto equal = [](const Shared& a, const Shared& b) { return a == b || *a == *b; };
    return list_ == other.list_ || std::ranges::equal(shared(), other.shared(), equal);
}

Services shared_with(Services services, const Services& known) {
    // Most services are shared already. Only the range from the first to the last that is not shared is searched.
    const auto& now = services.shared();
    const auto& old = known.shared();
    const auto [first, old_first] = std::ranges::mismatch(now, old);
    auto end = now.end();
    auto old_end = old.end();
    while (end != first && old_end != old_first && *std::prev(end) == *std::prev(old_end)) --end, --old_end;
    if (first == end || old_first == old_end) return services;

    std::unordered_map<std::string_view, Services::Shared> by_name;
    for (auto service = old_first; service != old_end; ++service) by_name.emplace((*service)->name, *service);
    Services shared;
    for (auto service = first; service != end; ++service) {
        const auto same = by_name.find((*service)->name);
        shared.push_back(same != by_name.end() && *same->second == **service ? same->second : *service);
    }
    services.replace(static_cast<std::size_t>(first - now.begin()), static_cast<std::size_t>(end - now.begin()),
                     shared);
    return services;
}

}  // namespace culvert::lbd
