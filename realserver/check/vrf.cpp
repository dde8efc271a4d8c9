// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "realserver/check/check.hpp"

/// A VRF has its own routes and sockets, apart from those of the host (Documentation/networking/vrf.rst).
namespace culvert::realserver {

namespace {

/// The devices at which packets arrive: as configured, or else those towards balancers and those with a balancer in
/// their network. If one of these is in a VRF, no route of the host leads through it.
std::set<std::string> ports_of(const Patient& patient) {
    const Config& config = patient.config;
    std::set<std::string> ports(config.interfaces.begin(), config.interfaces.end());
    if (!ports.empty()) return ports;
    ports = patient.desired.ways_in;
    for (const auto& [device, prefix] : patient.environment.addresses)
        if (std::ranges::any_of(config.balancers, [&](const Prefix& one) { return prefix.contains(one.address); }))
            ports.insert(device);
    return ports;
}

/// A device that leaves its VRF loses its routes by gateways.
std::vector<std::string> cure_of(const Patient& patient, const std::string& name, std::uint32_t index) {
    std::vector<std::string> cure{fmt::format("ip link set {} nomaster", name)};
    for (const netlink::Route& route : patient.environment.routing.routes) {
        const Prefix& to = route.destination;
        if (route.hops.size() != 1 || route.hops.front().link != index || !route.hops.front().gateway) continue;
        cure.push_back(fmt::format("ip -{} route replace {} via {} dev {}", to.address.is_v4() ? 4 : 6,
                                   to.length == 0 ? "default" : to.to_string(), route.hops.front().gateway->to_string(),
                                   name));
    }
    cure.emplace_back("realserver apply");
    return cure;
}

}  // namespace

void check_vrf(const Patient& patient, Diagnosis& diagnosis) {
    for (const std::string& name : ports_of(patient)) {
        const auto device = patient.environment.devices.find(name);
        if (device == patient.environment.devices.end()) continue;
        const std::string& vrf = device->second.vrf;
        diagnosis.require(
            vrf.empty(),
            {.name = "device_in_vrf",
             .cause = fmt::format("{}, at which packets arrive, belongs to VRF {}: services outside of the VRF do not "
                                  "receive them, and answer by other routes",
                                  name, vrf),
             .evidence = {fmt::format("ip link show {}: master {}", name, vrf)},
             .cure = cure_of(patient, name, device->second.index),
             .advice = fmt::format("use a network namespace instead: move {} to it, and call realserver with --netns",
                                   name)});
    }
}

}  // namespace culvert::realserver
