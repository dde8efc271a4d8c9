// SPDX-License-Identifier: Apache-2.0
#include "lbd/daemon/observe.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "lbd/datapath/flow_table.hpp"
#include "lbd/datapath/transition_map.hpp"
#include "lbd/network/host_settings.hpp"
#include "lbd/network/report.hpp"
#include "lbd/reconcile/slot_watch.hpp"
#include "lbd/reload/key.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;

std::string name_of(std::uint32_t link, const Network& network) {
    const netlink::Link* found = find_link(network, link);
    return found == nullptr ? std::string() : found->name;
}

/// The part of its service's table that each backend has, 0 to 1, indexed by the offset of its id from the base.
/// Services that share a table share the result.
class Shares {
  public:
    explicit Shares(const Datapath& datapath) : datapath_(datapath) {}

    const std::vector<double>& of(const lb_service& service) {
        if (service.ring_size == 0) return none_;
        const auto [it, is_new] = by_line_.try_emplace(service.ring);
        if (is_new) it->second = shares(datapath_.maps().ring(service.ring, service.ring_size));
        return it->second;
    }

  private:
    static std::vector<double> shares(std::span<const std::uint16_t> table) {
        std::vector<double> shares;
        for (const std::uint16_t value : table) {
            if (value >= shares.size()) shares.resize(value + 1UL);
            ++shares[value];
        }
        for (double& share : shares) share /= static_cast<double>(table.size());
        return shares;
    }

    const Datapath& datapath_;
    std::map<std::uint32_t, std::vector<double>> by_line_;
    const std::vector<double> none_;
};

/// Indexed by destination id.
struct Counted {
    std::vector<lb_counters> counters;
    std::vector<FlowCount> flows;
    std::vector<std::uint64_t> former_slots;

    [[nodiscard]] Traffic of(std::uint32_t id) const {
        if (id >= counters.size()) return {};
        const auto& [packets, bytes, new_flows, pad] = counters[id];
        return {.packets = packets, .bytes = bytes, .new_flows = new_flows, .flows = flows[id]};
    }
};

/// A backend's traffic is the sum over all ids that it has ever had. The rest belongs to the id for new flows.
void put_known_by_id(std::vector<BackendStatus>& backends, const ServiceIds& ids, const Counted& counted,
                     const std::vector<double>& shares, const CheckStatuses& checks) {
    const auto name_of = [](const BackendStatus* one) -> const std::string& { return one->backend.name; };
    std::vector<BackendStatus*> by_name;
    by_name.reserve(backends.size());
    for (BackendStatus& backend : backends) by_name.push_back(&backend);
    std::ranges::sort(by_name, {}, name_of);
    for (const auto& [id, name] : ids.backends) {
        const auto found = std::ranges::lower_bound(by_name, name, {}, name_of);
        if (found == by_name.end() || name_of(*found) != name) continue;
        BackendStatus& backend = **found;
        backend.traffic += counted.of(id);
        if (id < counted.former_slots.size()) backend.former_slots += counted.former_slots[id];
        if (!ids.in_block(id)) continue;
        if (id - ids.base < shares.size()) backend.share = shares[id - ids.base];
        if (const auto check = checks.find(id); check != checks.end()) backend.check = check->second;
    }
}

std::optional<PathMtuStatus> path_mtu_status(const IpAddress& backend, const NextHop& hop, const PathMtus& known) {
    const auto* learned = known.find(backend, hop);
    if (!hop.path_mtu || learned == nullptr) return std::nullopt;
    const auto left = std::max(learned->until - PathMtus::Clock::now(), PathMtus::Clock::duration{});
    return PathMtuStatus{.router = learned->router,
                         .told = learned->told,
                         .left = std::chrono::duration_cast<std::chrono::seconds>(left)};
}

ServiceStatus service_status(const Service& service, const Hops& hops, const Resolver& resolver) {
    ServiceStatus status{.name = service.name,
                         .vip = service.vip,
                         .ports = service.ports,
                         .table_size = service.table_size,
                         .sticky = service.sticky,
                         .track = service.track,
                         .idle = service.idle,
                         .backends = {}};
    status.backends.reserve(service.backends.size());
    for (const Backend& backend : service.backends) {
        BackendStatus& one = status.backends.emplace_back(BackendStatus{.backend = backend});
        if (const auto hop = hops.find(backend.address); hop != hops.end()) one.hop = hop->second;
        if (!one.hop) {
            one.unresolved = resolver.why_unresolved(backend.address);
            continue;
        }
        one.interface = name_of(one.hop->ifindex, resolver.network());
        one.path_mtu = path_mtu_status(backend.address, *one.hop, resolver.ways().path_mtus());
        one.ipv6_needs = lacks_for_ipv6(backend.encap, service.vip.family(), backend.address, *one.hop);
    }
    return status;
}

std::vector<NeighbourStatus> neighbour_statuses(const Hops& hops, const Resolver& resolver) {
    std::map<NeighbourKey, NeighbourStatus> statuses;
    for (const auto& [backend, hop] : hops) {
        const auto key = resolver.ways().neighbour_of(backend, resolver.network());
        if (!key) continue;
        const auto [it, is_new] = statuses.try_emplace(*key);
        NeighbourStatus& status = it->second;
        status.backends.push_back({backend, hop ? std::optional(hop->narrowest()) : std::nullopt});
        if (!is_new) continue;
        status.interface = name_of(key->link, resolver.network());
        const auto known = resolver.network().neighbours.find(*key);
        if (known != resolver.network().neighbours.end())
            status.neighbour = known->second;
        else
            status.neighbour = {.address = key->address, .link = key->link};
        if (const auto since = resolver.tables().since(*key))
            status.age = std::chrono::duration_cast<std::chrono::seconds>(Resolver::Clock::now() - *since);
    }
    std::vector<NeighbourStatus> list;
    for (auto& [key, status] : statuses) list.push_back(std::move(status));
    return list;
}

/// Asks the kernel, as the last event may be old.
Result<std::vector<InterfaceStatus>> interface_statuses(const std::vector<std::string>& configured,
                                                        const Attachments& attachments, const Network& network) {
    TRY(const auto ports, attachments.see(network.ports));
    TRY(auto members, attachments.see(network.members));
    TRY(auto vlans, attachments.see(network.vlans));
    std::vector<InterfaceStatus> list;
    for (const std::string& name : configured) {
        InterfaceStatus status{.name = name};
        for (const Seen& port : ports) {
            if (!port.link.is_called(name)) continue;
            status.link = port.link;
            status.mode = port.mode;
        }
        list.push_back(std::move(status));
    }
    for (Seen& member : members)
        list.push_back(
            {.name = member.link.name, .link = member.link, .member_of = name_of(member.link.master, network)});
    for (Seen& vlan : vlans)
        if (const std::string lower = name_of(vlan.link.lower, network); !lower.empty())
            list.push_back({.name = vlan.link.name, .link = vlan.link, .vlan_of = lower});
    return list;
}

/// How many slots in transition have each destination as their former one, by its id.
std::vector<std::uint64_t> former_slots(const Balancer& balancer) {
    const Image& image = balancer.image();
    std::vector<std::uint64_t> counts(image.dests_end());
    if (image.transitions.empty()) return counts;
    std::set<std::pair<std::uint32_t, std::uint32_t>> counted;                // bases of services, and transitions
    std::map<std::uint32_t, std::map<std::uint16_t, std::uint64_t>> by_line;  // services share transitions
    for (const auto& [key, service] : image.vips) {
        if (service.transition == 0 || !counted.emplace(service.dest_base, service.transition).second) continue;
        const auto [found, is_new] = by_line.try_emplace(service.transition);
        if (is_new) {
            const Slots slots = read_slots(balancer.program.datapath().maps().transition(service.transition));
            for (std::size_t slot = 0; slot < slots.size(); ++slot)
                if (slots.moving[slot]) ++found->second[slots.former[slot]];
        }
        for (const auto& [former, slots] : found->second) {
            const std::size_t id = std::size_t{service.dest_base} + former;
            if (former != LB_NO_FORMER && id < counts.size()) counts[id] += slots;
        }
    }
    return counts;
}

Result<std::vector<ServiceStatus>> service_statuses(const Balancer& balancer, const Parts& parts) {
    const Image& image = balancer.image();
    const Datapath& datapath = balancer.program.datapath();
    const CheckStatuses checks = balancer.checks.statuses();
    Counted counted{.counters = {}, .flows = std::vector<FlowCount>(image.dests_end()), .former_slots = {}};
    if (parts.slots) counted.former_slots = former_slots(balancer);
    TRY(counted.counters, datapath.counters().dests(image.dests_end()));
    if (parts.flows) {
        TRY(const std::uint16_t now, datapath.flows().now());
        count_flows(datapath.flows().table(), now, datapath.flows().clock().units(closed_after), counted.flows,
                    {.shift = balancer.flow_sweep.counted(),
                     .dests = sampled_dests(balancer.wanted.config.services, image.ids)});
    }
    Shares shares(datapath);

    std::vector<ServiceStatus> statuses;
    statuses.reserve(balancer.wanted.config.services.size());
    for (const Service& service : balancer.wanted.config.services) {
        const PortSpec& port = service.ports.front();
        const lb_service& value = image.vips.at({service.vip, static_cast<std::uint8_t>(port.protocol), port.port});
        ServiceStatus& one =
            statuses.emplace_back(service_status(service, balancer.reach.hops, balancer.reach.resolver));
        put_known_by_id(one.backends, image.ids.at(service.name), counted, shares.of(value), checks);
    }
    return statuses;
}

}  // namespace

Parts parts_of(View view) {
    const bool lists_services = view == View::services || view == View::backends || view == View::flows;
    return {.services = lists_services || view == View::counters,
            .flows = lists_services,
            .slots = view == View::flows,
            .neighbours = view == View::neighbours,
            .interfaces = view == View::interfaces,
            .counters = view == View::counters,
            .announcements = view == View::announcements,
            .peers = view == View::cluster};
}

Result<Status> observe(const Balancer& balancer, const Reloads& reloads, const Parts& parts) {
    const Network& network = balancer.reach.resolver.network();
    Status status;
    status.reloads = reloads;
    if (parts.peers && balancer.mesh) {
        status.cluster = balancer.mesh->status();
        status.cluster->waiting = balancer.exchange.waiting();
    }
    status.flow_table = {.entries = balancer.wanted.config.flows.entries,
                         .part = balancer.program.datapath().flows().table().size() * LB_FLOW_WAYS};
    if (parts.flows) {
        TRY(auto keys, hash_keys(balancer.wanted.config, balancer.program.datapath().build().config));
        status.flow_table.key = std::move(keys.in_force);
        status.flow_table.configured_key = std::move(keys.configured);
    }
    if (parts.services) {
        TRY(status.services, service_statuses(balancer, parts));
    }
    if (parts.neighbours) status.neighbours = neighbour_statuses(balancer.reach.hops, balancer.reach.resolver);
    if (parts.interfaces) {
        TRY(status.interfaces,
            interface_statuses(balancer.wanted.config.interfaces, balancer.program.attachments(), network));
        const auto settings = redirects(network);
        for (InterfaceStatus& one : status.interfaces)
            if (const auto found = settings.find(one.name); found != settings.end())
                one.accepts_redirects = found->second.accepts4() || found->second.accepts6();
    }
    if (parts.announcements) {
        TRY(status.announcements, balancer.announcer->status());
    }
    if (parts.counters) {
        const Counters counters = balancer.program.datapath().counters();
        TRY(status.drops, counters.reasons());
        TRY(status.events, counters.events());
        TRY(status.latency, counters.latency());
    }
    return status;
}

}  // namespace culvert::lbd
