// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/file/conflicts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "bpf/abi.h"

namespace culvert::lbd {
namespace {

namespace yaml = common::yaml;

std::string to_string(const PortSpec& spec) {
    const std::string_view protocol = name(spec.protocol);
    if (spec.port == 0) return fmt::format("all {} ports", protocol);
    if (spec.port == spec.last) return fmt::format("port {}/{}", spec.port, protocol);
    return fmt::format("ports {}-{}/{}", spec.port, spec.last, protocol);
}

/// What a UDP port of a backend is bound to: GUE tells inner protocols apart, FOU does not.
std::string_view carried(const Encap& encap, Family inner) {
    if (std::holds_alternative<Gue>(encap)) return "gue";
    if (std::holds_alternative<Geneve>(encap)) return "geneve";
    if (std::get<Fou>(encap).gre) return "fou with GRE inside";
    return inner == Family::ipv4 ? "fou with IPv4 inside" : "fou with IPv6 inside";
}

/// 0 for encapsulations without UDP.
std::uint16_t udp_port(const Encap& encap) {
    if (const auto* fou = std::get_if<Fou>(&encap)) return fou->port;
    if (const auto* gue = std::get_if<Gue>(&encap)) return gue->port;
    if (const auto* geneve = std::get_if<Geneve>(&encap)) return geneve->port;
    return 0;
}

/// 0 for other encapsulations.
std::uint8_t dscp(const Encap& encap) {
    const auto* l3dsr = std::get_if<L3dsr>(&encap);
    return l3dsr == nullptr ? 0 : l3dsr->dscp;
}

/// What a backend gets, and of which service.
struct Use {
    const Service* service;
    const Backend* backend;
};

/// `service` may not say this, as `other` is there.
struct Conflict {
    enum class Kind {
        same_name,
        same_ports,     ///< number `part` of them
        is_vip,         ///< number `part` of its backends
        is_in_network,  ///< the same
        at_same_port,   ///< the same, where something else comes to it
        by_same_dscp,   ///< the same, by which it knows another VIP
    };
    Kind kind;
    const Service* service;
    std::size_t part;
    Use other;  ///< with its backend, if both are about one
};

struct AddressHash {
    std::size_t operator()(const IpAddress& address) const {
        const auto bytes = address.bytes();
        return std::hash<std::string_view>()({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
};

/// What services take for themselves.
class Claims {
  public:
    using Found = std::function<void(const Conflict&)>;

    explicit Claims(Found found) : found_(std::move(found)) {}

    /// What a service may not say beside those that have been entered.
    void check(const Service& service) const {
        check_name(service);
        check_ports(service);
        check_vip(service);
        for (std::size_t i = 0; i < service.backends.size(); ++i) check_backend(service, i);
    }

    /// The same, and it may not contradict itself either; then it is one of those.
    void enter(const Service& service) {
        check_name(service);
        names_.emplace(service.name, &service);
        check_ports(service);
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
        const Service* vip_of = nullptr;  // the first
        std::vector<Use> uses;            // as a backend
    };

    void check_name(const Service& service) const {
        if (const auto other = names_.find(service.name); other != names_.end())
            found_({Kind::same_name, &service, 0, {other->second, nullptr}});
    }

    void check_ports(const Service& service) const {
        const auto taken = ports_.find(service.vip);
        if (taken == ports_.end()) return;
        for (std::size_t i = 0; i < service.ports.size(); ++i)
            for (const auto& [spec, owner] : taken->second) {
                if (!overlap(spec, service.ports[i])) continue;
                found_({Kind::same_ports, &service, i, {owner, nullptr}});
                break;
            }
    }

    void check_vip(const Service& service) const {
        if (ports_.contains(service.vip)) return;  // said of the first one
        const netlink::Prefix& vip = service.vip.prefix;
        const auto refuse = [&](const Place& place, Kind kind) {
            for (const Use& use : place.uses)
                found_({kind,
                        use.service,
                        static_cast<std::size_t>(use.backend - use.service->backends.data()),
                        {&service, nullptr}});
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
                found_({Kind::is_in_network, &service, number, {other, nullptr}});
        const auto known = places_.find(backend.address);
        if (known == places_.end()) return;
        const auto& [vip_of, uses] = known->second;
        if (vip_of != nullptr) found_({Kind::is_vip, &service, number, {vip_of, nullptr}});
        if (const std::uint16_t port = udp_port(backend.encap); port != 0) {
            const auto other =
                std::ranges::find(uses, port, [](const Use& use) { return udp_port(use.backend->encap); });
            if (other != uses.end() && carried(other->backend->encap, other->service->vip.family()) !=
                                           carried(backend.encap, service.vip.family()))
                found_({Kind::at_same_port, &service, number, *other});
        }
        if (const std::uint8_t mark = dscp(backend.encap); mark != 0) {
            const auto other = std::ranges::find(uses, mark, [](const Use& use) { return dscp(use.backend->encap); });
            if (other != uses.end() && other->service->vip != service.vip)
                found_({Kind::by_same_dscp, &service, number, *other});
        }
    }

    Found found_;
    std::unordered_map<std::string_view, const Service*> names_;
    std::map<Vip, std::vector<std::pair<PortSpec, const Service*>>> ports_;
    std::vector<const Service*> networks_;  // one for each
    std::unordered_map<IpAddress, Place, AddressHash> places_;
};

const ReadService& place_of(const Service& service, std::span<const ReadService> services) {
    return *std::ranges::find(services, &service, [](const ReadService& read) { return &read.service; });
}

/// `reference` names the other service.
std::string text_of(const Conflict& conflict, const std::string& reference) {
    using Kind = Conflict::Kind;
    const auto& [kind, service, part, other] = conflict;
    const std::string vip = service->vip.to_string();
    const std::string other_vip = other.service->vip.to_string();
    if (kind == Kind::same_name) return fmt::format("{} has this name already: choose another", reference);
    if (kind == Kind::same_ports)
        return fmt::format("{} of VIP {}: taken by {} already", to_string(service->ports[part]), vip, reference);

    const Backend& backend = service->backends[part];
    const std::string address = backend.address.to_string();
    if (kind == Kind::is_vip)
        return fmt::format("backend {} is the VIP of {}: write the backend's own address", address, reference);
    if (kind == Kind::is_in_network)
        return fmt::format("backend {} is in VIP {} of {}: write an address outside", address, other_vip, reference);
    if (kind == Kind::at_same_port)
        return fmt::format(
            "backend {} would get {} on port {}, which takes {} for {}: use another port, or gue for both", address,
            carried(backend.encap, service->vip.family()), udp_port(backend.encap),
            carried(other.backend->encap, other.service->vip.family()), reference);
    return fmt::format("dscp {} tells backend {} that VIP {} is meant, of {}: {} needs another dscp",
                       dscp(backend.encap), address, other_vip, reference, vip);
}

void report(const Conflict& conflict, std::span<const ReadService> services) {
    const ReadService& read = place_of(*conflict.service, services);
    const ReadService& other = place_of(*conflict.other.service, services);
    const std::string text = text_of(
        conflict, fmt::format("service {} (line {})", yaml::in_quotes(other.service.name), other.name.position().line));
    if (conflict.kind == Conflict::Kind::same_name)
        read.name.fail(text);
    else if (conflict.kind == Conflict::Kind::same_ports)
        read.ports.fail(text);
    else
        read.backends[conflict.part].fail(text);
}

constexpr std::size_t most_backends = LB_DEST_MAX - 1;  // id 0 is no backend

void check_total(std::span<const ReadService> services) {
    std::size_t total = 0;
    for (const ReadService& read : services) {
        const std::size_t before = std::exchange(total, total + read.backends.size());
        if (before <= most_backends && total > most_backends)
            read.name.fail(
                fmt::format("more than {} backends in all services, each counted once per service", most_backends));
    }
}

}  // namespace

void check_conflicts(std::span<const ReadService> services) {
    Claims claims([&](const Conflict& conflict) { report(conflict, services); });
    for (const ReadService& read : services) claims.enter(read.service);
    check_total(services);
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
