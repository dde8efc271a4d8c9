// SPDX-License-Identifier: Apache-2.0
#include "lbd/show/observe.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace culvert::lbd {
namespace {

using netlink::Result;

std::string name_of(std::uint32_t link, const Network& network) {
    const netlink::Link* found = find_link(network, link);
    return found == nullptr ? std::string() : found->name;
}

/// By the backend's name. Its traffic is that of all ids that it has ever had.
Result<std::map<std::string, Traffic>> traffic_of(const ServiceIds& ids, const Datapath& datapath,
                                                  const std::vector<FlowCount>& flows) {
    std::map<std::string, Traffic> traffic;
    for (const auto& [id, backend] : ids.backends) {
        TRY(const lb_counters counters, datapath.counters(id));
        traffic[backend] += {.packets = counters.packets,
                             .bytes = counters.bytes,
                             .new_flows = counters.flows,
                             .flows = id < flows.size() ? flows[id] : FlowCount{}};
    }
    return traffic;
}

Result<ServiceStatus> service_status(const Service& service, const Image& image, const Hops& hops,
                                     const Network& network, const Datapath& datapath,
                                     const std::vector<FlowCount>& flows, const CheckStatuses& checks) {
    const ServiceIds& ids = image.ids.at(service.name);
    const PortSpec& port = service.ports.front();
    const lb_service& value = image.vips.at({service.vip, static_cast<std::uint8_t>(port.protocol), port.port});
    const auto table = datapath.ring(value.ring, value.ring_size);
    TRY(auto traffic, traffic_of(ids, datapath, flows));

    ServiceStatus status{.name = service.name,
                         .vip = service.vip,
                         .ports = service.ports,
                         .table_size = service.table_size,
                         .sticky = service.sticky,
                         .idle = service.idle,
                         .backends = {}};
    for (const Backend& backend : service.backends) {
        BackendStatus one{.backend = backend, .traffic = traffic[backend.name]};
        if (!table.empty()) {
            const auto entries = std::ranges::count(table, *ids.current(backend.name) - ids.base);
            one.share = static_cast<double>(entries) / static_cast<double>(table.size());
        }
        if (const auto hop = hops.find(backend.address); hop != hops.end()) one.hop = hop->second;
        if (one.hop) one.interface = name_of(one.hop->ifindex, network);
        if (const auto check = checks.find({service.name, backend.name}); check != checks.end())
            one.check = check->second;
        status.backends.push_back(std::move(one));
    }
    return status;
}

std::vector<NeighbourStatus> neighbour_statuses(const Hops& hops, const Resolver& resolver) {
    std::map<NeighbourKey, NeighbourStatus> statuses;
    for (const auto& [backend, hop] : hops) {
        const auto key = resolver.neighbour_of(backend);
        if (!key) continue;
        const auto [it, is_new] = statuses.try_emplace(*key);
        NeighbourStatus& status = it->second;
        status.backends.push_back({backend, hop ? std::optional(hop->mtu) : std::nullopt});
        if (!is_new) continue;
        status.interface = name_of(key->link, resolver.network());
        const auto known = resolver.network().neighbours.find(*key);
        if (known != resolver.network().neighbours.end())
            status.neighbour = known->second;
        else
            status.neighbour = {.address = key->address, .link = key->link};
        if (const auto since = resolver.since(*key))
            status.age = std::chrono::duration_cast<std::chrono::seconds>(Resolver::Clock::now() - *since);
    }
    std::vector<NeighbourStatus> list;
    for (auto& [key, status] : statuses) list.push_back(std::move(status));
    return list;
}

std::vector<InterfaceStatus> interface_statuses(const std::vector<std::string>& configured,
                                                const std::vector<Attachment>& attachments, const Network& network) {
    std::vector<InterfaceStatus> list;
    for (const std::string& name : configured) {
        InterfaceStatus status{.name = name};
        for (const auto& [index, link] : network.ports)
            if (link.is_called(name)) status.link = link;
        for (const Attachment& attachment : attachments)
            if (status.link && status.link->index == attachment.ifindex) status.mode = attachment.mode;
        list.push_back(std::move(status));
    }
    for (const auto& [index, link] : network.members)
        list.push_back({.name = link.name, .link = link, .member_of = name_of(link.master, network)});
    for (const auto& [index, link] : network.vlans)
        if (const std::string lower = name_of(link.lower, network); !lower.empty())
            list.push_back({.name = link.name, .link = link, .vlan_of = lower});
    return list;
}

}  // namespace

Result<Status> observe(const Config& config, const Image& image, const Hops& hops,
                       const std::vector<Attachment>& attachments, const Resolver& resolver, const Datapath& datapath,
                       const CheckStatuses& checks) {
    const Network& network = resolver.network();
    std::vector<FlowCount> flows(image.dests_end());
    count_flows(datapath.flows(), flows);

    Status status;
    for (const Service& service : config.services) {
        TRY(auto one, service_status(service, image, hops, network, datapath, flows, checks));
        status.services.push_back(std::move(one));
    }
    status.neighbours = neighbour_statuses(hops, resolver);
    status.interfaces = interface_statuses(config.interfaces, attachments, network);
    status.flow_table = {.entries = config.flows.entries};
    TRY(status.drops, datapath.reasons());
    TRY(status.events, datapath.events());
    TRY(status.latency, datapath.latency());
    return status;
}

}  // namespace culvert::lbd
