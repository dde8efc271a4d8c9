// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/conflicts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
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

/// "service "dns" (line 7)"
std::string reference(const ReadService& read) {
    return fmt::format("service {} (line {})", yaml::in_quotes(read.service.name), read.name.position().line);
}

void check_names(std::span<const ReadService> services) {
    std::map<std::string_view, const ReadService*> owners;
    for (const ReadService& read : services) {
        const auto [owner, is_new] = owners.emplace(read.service.name, &read);
        if (!is_new) read.name.fail(fmt::format("{} has this name already: choose another", reference(*owner->second)));
    }
}

void check_ports(std::span<const ReadService> services) {
    std::map<Vip, std::vector<std::pair<PortSpec, const ReadService*>>> taken;
    for (const ReadService& read : services) {
        auto& others = taken[read.service.vip];
        for (const PortSpec& spec : read.service.ports) {
            const auto other =
                std::ranges::find_if(others, [&](const auto& owned) { return overlap(spec, owned.first); });
            if (other != others.end())
                read.ports.fail(fmt::format("{} of VIP {}: taken by {} already", to_string(spec),
                                            read.service.vip.to_string(), reference(*other->second)));
        }
        for (const PortSpec& spec : read.service.ports) others.emplace_back(spec, &read);
    }
}

void check_addresses(std::span<const ReadService> services) {
    std::map<Vip, const ReadService*> vips;
    std::vector<const ReadService*> networks;
    for (const ReadService& read : services)
        if (vips.emplace(read.service.vip, &read).second && !read.service.vip.prefix.is_host())
            networks.push_back(&read);
    for (const ReadService& read : services) {
        for (std::size_t i = 0; i < read.backends.size(); ++i) {
            const IpAddress& address = read.service.backends[i].address;
            if (const auto vip = vips.find(address); vip != vips.end())
                read.backends[i].fail(fmt::format("backend {} is the VIP of {}: write the backend's own address",
                                                  address.to_string(), reference(*vip->second)));
            for (const ReadService* other : networks)
                if (other->service.vip.prefix.contains(address))
                    read.backends[i].fail(fmt::format("backend {} is in VIP {} of {}: write an address outside",
                                                      address.to_string(), other->service.vip.to_string(),
                                                      reference(*other)));
        }
    }
}

/// What a UDP port of a backend is bound to: GUE tells inner protocols apart, FOU does not.
std::string carried(const Encap& encap, Family inner) {
    if (std::holds_alternative<Gue>(encap)) return "gue";
    if (std::holds_alternative<Geneve>(encap)) return "geneve";
    if (std::get<Fou>(encap).gre) return "fou with GRE inside";
    return fmt::format("fou with {} inside", inner == Family::ipv4 ? "IPv4" : "IPv6");
}

/// 0 for encapsulations without UDP.
std::uint16_t udp_port(const Encap& encap) {
    if (const auto* fou = std::get_if<Fou>(&encap)) return fou->port;
    if (const auto* gue = std::get_if<Gue>(&encap)) return gue->port;
    if (const auto* geneve = std::get_if<Geneve>(&encap)) return geneve->port;
    return 0;
}

void check_udp_ports(std::span<const ReadService> services) {
    std::map<std::pair<IpAddress, std::uint16_t>, std::pair<std::string, const ReadService*>> uses;
    for (const ReadService& read : services) {
        for (std::size_t i = 0; i < read.backends.size(); ++i) {
            const Backend& backend = read.service.backends[i];
            const std::uint16_t port = udp_port(backend.encap);
            if (port == 0) continue;
            const std::string use = carried(backend.encap, read.service.vip.family());
            const auto [first, is_new] = uses.try_emplace({backend.address, port}, use, &read);
            if (!is_new && first->second.first != use)
                read.backends[i].fail(fmt::format(
                    "backend {} would get {} on port {}, which takes {} for {}: use another port, or gue for both",
                    backend.address.to_string(), use, port, first->second.first, reference(*first->second.second)));
        }
    }
}

void check_dscps(std::span<const ReadService> services) {
    std::map<std::pair<IpAddress, std::uint8_t>, const ReadService*> owners;
    for (const ReadService& read : services) {
        for (std::size_t i = 0; i < read.backends.size(); ++i) {
            const Backend& backend = read.service.backends[i];
            const auto* l3dsr = std::get_if<L3dsr>(&backend.encap);
            if (l3dsr == nullptr) continue;
            const auto [owner, is_new] = owners.try_emplace({backend.address, l3dsr->dscp}, &read);
            const ReadService& first = *owner->second;
            if (!is_new && first.service.vip != read.service.vip)
                read.backends[i].fail(
                    fmt::format("dscp {} tells backend {} that VIP {} is meant, of {}: {} needs another dscp",
                                l3dsr->dscp, backend.address.to_string(), first.service.vip.to_string(),
                                reference(first), read.service.vip.to_string()));
        }
    }
}

void check_total(std::span<const ReadService> services) {
    constexpr std::size_t most = LB_DEST_MAX - 1;  // id 0 is no backend
    std::size_t total = 0;
    for (const ReadService& read : services) {
        const std::size_t before = std::exchange(total, total + read.backends.size());
        if (before <= most && total > most)
            read.name.fail(fmt::format("more than {} backends in all services, each counted once per service", most));
    }
}

struct AddressHash {
    std::size_t operator()(const IpAddress& address) const {
        const auto bytes = address.bytes();
        return std::hash<std::string_view>()({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
};

/// What services take for themselves. Whatever the checks above refuse contradicts it; they know to say why.
class Claims {
  public:
    explicit Claims(const Services& services) {
        for (const Service& service : services) {
            names_.insert(service.name);
            vips_.emplace(service.vip, &service);
            if (service.vip.prefix.is_host())
                addresses_[service.vip.prefix.address];
            else
                networks_.push_back(service.vip.prefix);
            for (const Backend& backend : service.backends)
                addresses_[backend.address].emplace_back(&service, &backend);
        }
    }

    [[nodiscard]] bool contradict(const Service& other) const {
        const auto [first, last] = vips_.equal_range(other.vip);
        return names_.contains(other.name) || takes_backend(other.vip.prefix) ||
               std::any_of(first, last, [&](const auto& vip) { return share_port(*vip.second, other); }) ||
               std::ranges::any_of(other.backends, [&](const Backend& one) { return contradict(other, one); });
    }

  private:
    [[nodiscard]] bool takes_backend(const netlink::Prefix& vip) const {
        if (vip.is_host()) {
            const auto known = addresses_.find(vip.address);
            return known != addresses_.end() && !known->second.empty();
        }
        return std::ranges::any_of(
            addresses_, [&](const auto& known) { return !known.second.empty() && vip.contains(known.first); });
    }

    static bool share_port(const Service& a, const Service& b) {
        return std::ranges::any_of(a.ports, [&](const PortSpec& one) {
            return std::ranges::any_of(b.ports, [&](const PortSpec& other) { return overlap(one, other); });
        });
    }

    [[nodiscard]] bool contradict(const Service& service, const Backend& backend) const {
        if (std::ranges::any_of(networks_, [&](const auto& vip) { return vip.contains(backend.address); })) return true;
        const auto known = addresses_.find(backend.address);
        if (known == addresses_.end()) return false;
        if (vips_.contains(backend.address)) return true;
        return std::ranges::any_of(known->second, [&](const auto& use) {
            return looks_alike(service, backend.encap, *use.first, use.second->encap);
        });
    }

    /// On one backend, which could not tell them apart.
    static bool looks_alike(const Service& a, const Encap& encap_a, const Service& b, const Encap& encap_b) {
        const std::uint16_t port = udp_port(encap_a);
        if (port != 0 && port == udp_port(encap_b))
            return carried(encap_a, a.vip.family()) != carried(encap_b, b.vip.family());
        const auto* l3dsr = std::get_if<L3dsr>(&encap_a);
        return l3dsr != nullptr && encap_a == encap_b && a.vip != b.vip;
    }

    std::set<std::string_view> names_;
    std::multimap<Vip, const Service*> vips_;
    std::vector<netlink::Prefix> networks_;
    /// VIPs, and the backends that are there.
    std::unordered_map<IpAddress, std::vector<std::pair<const Service*, const Backend*>>, AddressHash> addresses_;
};

}  // namespace

void check_conflicts(std::span<const ReadService> services) {
    check_names(services);
    check_ports(services);
    check_addresses(services);
    check_udp_ports(services);
    check_dscps(services);
    check_total(services);
}

bool may_conflict(const Services& some, const Services& others) {
    const Claims claims(some);
    std::size_t total = 0;
    for (const Service& service : some) total += service.backends.size();
    for (const Service& other : others) {
        total += other.backends.size();
        if (claims.contradict(other)) return true;
    }
    return total >= LB_DEST_MAX;
}

}  // namespace culvert::lbd
