// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/conflicts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace culvert::lbd {
namespace {

std::string in_words(const PortSpec& spec) {
    const std::string_view protocol = name(spec.protocol);
    if (spec.port == 0) return fmt::format("all {} ports", protocol);
    if (spec.port == spec.last) return fmt::format("port {}/{}", spec.port, protocol);
    return fmt::format("ports {}-{}/{}", spec.port, spec.last, protocol);
}

/// What the backend's UDP port is bound to. GUE distinguishes inner protocols, FOU does not.
std::string_view carried(const Encap& encap, Family inner) {
    const auto* fou = std::get_if<Fou>(&encap);
    if (fou == nullptr) return name(kind_of(encap));
    if (fou->gre) return "fou with GRE inside";
    return inner == Family::ipv4 ? "fou with IPv4 inside" : "fou with IPv6 inside";
}

/// 0 for other encapsulations.
std::uint8_t dscp(const Encap& encap) {
    const auto* l3dsr = std::get_if<L3dsr>(&encap);
    return l3dsr == nullptr ? 0 : l3dsr->dscp;
}

/// As it is written in the configuration.
std::string written(const ServiceAnnounce& announce) {
    return announce.wanted ? fmt::format("{{metric: {}}}", announce.metric) : "no";
}

/// A backend of a service.
struct Use {
    const Service* service;
    const Backend* backend;
};

struct AddressHash {
    std::size_t operator()(const IpAddress& address) const {
        const auto bytes = address.bytes();
        return std::hash<std::string_view>()({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
};

/// The names, ports, VIPs and backends of services.
class Claims {
  public:
    explicit Claims(FoundConflict found) : found_(std::move(found)) {}

    /// Finds the conflicts of a service with those that were entered before.
    void check(const Service& service) const {
        check_name(service);
        check_ports(service);
        check_announced(service);
        check_vip(service);
        for (std::size_t i = 0; i < service.backends.size(); ++i) check_backend(service, i);
    }

    /// Likewise, and between its own backends; then enters the service.
    void enter(const Service& service) {
        check_name(service);
        names_.emplace(service.name, &service);
        check_ports(service);
        check_announced(service);
        check_vip(service);
        auto& ports = ports_[service.vip];
        if (ports.empty() && !service.vip.prefix.is_host()) networks_.push_back(&service);
        for (const PortSpec& spec : service.ports) ports.emplace_back(spec, &service);
        if (service.vip.prefix.is_host())
            if (auto& place = places_[service.vip.prefix.address]; place.vip_of == nullptr) place.vip_of = &service;
        for (std::size_t i = 0; i < service.backends.size(); ++i) {
            check_backend(service, i);
            const Backend& backend = service.backends[i];
            places_[backend.address].uses.push_back({&service, &backend});
        }
    }

  private:
    using Kind = Conflict::Kind;

    struct Place {
        const Service* vip_of = nullptr;  // the first service with this VIP
        std::vector<Use> uses;            // uses of the address as a backend
    };

    void check_name(const Service& service) const {
        if (const auto other = names_.find(service.name); other != names_.end())
            found_({Kind::same_name, &service, 0, other->second, nullptr});
    }

    void check_ports(const Service& service) const {
        const auto taken = ports_.find(service.vip);
        if (taken == ports_.end()) return;
        for (std::size_t i = 0; i < service.ports.size(); ++i)
            for (const auto& [spec, owner] : taken->second) {
                if (!overlap(spec, service.ports[i])) continue;
                found_({Kind::same_ports, &service, i, owner, nullptr});
                break;
            }
    }

    void check_announced(const Service& service) const {
        const auto known = ports_.find(service.vip);
        if (known == ports_.end() || known->second.empty() ||
            known->second.front().second->announce == service.announce)
            return;
        found_({Kind::announced_otherwise, &service, 0, known->second.front().second, nullptr});
    }

    void check_vip(const Service& service) const {
        if (ports_.contains(service.vip)) return;  // reported at the first one
        const netlink::Prefix& vip = service.vip.prefix;
        const auto refuse = [&](const Place& place, Kind kind) {
            for (const Use& use : place.uses)
                found_({kind, use.service, static_cast<std::size_t>(use.backend - use.service->backends.data()),
                        &service, nullptr});
        };
        if (vip.is_host()) {
            if (const auto known = places_.find(vip.address); known != places_.end())
                refuse(known->second, Kind::is_vip);
            return;
        }
        for (const auto& [address, place] : places_)
            if (vip.contains(address)) refuse(place, Kind::is_in_network);
    }

    void check_backend(const Service& service, std::size_t number) const {
        const Backend& backend = service.backends[number];
        for (const Service* other : networks_)
            if (other->vip.prefix.contains(backend.address))
                found_({Kind::is_in_network, &service, number, other, nullptr});
        const auto known = places_.find(backend.address);
        if (known == places_.end()) return;
        const auto& [vip_of, uses] = known->second;
        if (vip_of != nullptr) found_({Kind::is_vip, &service, number, vip_of, nullptr});
        if (const std::uint16_t port = udp_port(backend.encap); port != 0) {
            const auto other =
                std::ranges::find(uses, port, [](const Use& use) { return udp_port(use.backend->encap); });
            if (other != uses.end() && carried(other->backend->encap, other->service->vip.family()) !=
                                           carried(backend.encap, service.vip.family()))
                found_({Kind::at_same_port, &service, number, other->service, other->backend});
        }
        if (const std::uint8_t mark = dscp(backend.encap); mark != 0) {
            const auto other = std::ranges::find(uses, mark, [](const Use& use) { return dscp(use.backend->encap); });
            if (other != uses.end() && other->service->vip != service.vip)
                found_({Kind::by_same_dscp, &service, number, other->service, other->backend});
        }
    }

    FoundConflict found_;
    std::unordered_map<std::string_view, const Service*> names_;
    std::map<Vip, std::vector<std::pair<PortSpec, const Service*>>> ports_;
    std::vector<const Service*> networks_;  // one for each VIP that is a network
    std::unordered_map<IpAddress, Place, AddressHash> places_;
};

}  // namespace

void find_conflicts(std::span<const Service* const> services, const FoundConflict& found) {
    Claims claims(found);
    for (const Service* service : services) claims.enter(*service);
}

std::string text_of(const Conflict& conflict, const std::string& other) {
    using Kind = Conflict::Kind;
    const Service& service = *conflict.service;
    const std::string vip = service.vip.to_string();
    const std::string other_vip = conflict.other->vip.to_string();
    if (conflict.kind == Kind::same_name) return fmt::format("{} has this name already: write another one", other);
    if (conflict.kind == Kind::same_ports)
        return fmt::format("{} of VIP {}: {} has the same already: write another port or VIP",
                           in_words(service.ports[conflict.part]), vip, other);
    if (conflict.kind == Kind::announced_otherwise)
        return fmt::format("VIP {} is announced as a whole, and {} has announce: {}: write that here, too", vip, other,
                           written(conflict.other->announce));

    const Backend& backend = service.backends[conflict.part];
    const std::string address = backend.address.to_string();
    if (conflict.kind == Kind::is_vip)
        return fmt::format("backend {} is the VIP of {}: write the backend's own address", address, other);
    if (conflict.kind == Kind::is_in_network)
        return fmt::format("backend {} is in VIP {} of {}: write an address outside", address, other_vip, other);
    if (conflict.kind == Kind::at_same_port)
        return fmt::format(
            "backend {} would receive {} on port {}, where it receives {} for {}: write another port, or gue for both",
            address, carried(backend.encap, service.vip.family()), udp_port(backend.encap),
            carried(conflict.other_backend->encap, conflict.other->vip.family()), other);
    return fmt::format("dscp {} means VIP {} to backend {}, for {}: write another dscp for VIP {}", dscp(backend.encap),
                       other_vip, address, other, vip);
}

bool may_conflict(const Services& some, const Services& all) {
    bool found = all.backends() > most_backends;
    Claims claims([&](const Conflict&) { found = true; });
    for (const Service& service : some) claims.enter(service);
    const std::unordered_set<Services::Shared> entered(some.shared().begin(), some.shared().end());
    for (const Services::Shared& service : all.shared())
        if (!entered.contains(service)) claims.check(*service);
    return found;
}

}  // namespace culvert::lbd
