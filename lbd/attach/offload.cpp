// SPDX-License-Identifier: Apache-2.0
#include "lbd/attach/offload.hpp"

#include <fmt/ranges.h>
#include <linux/if_link.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "lbd/model/cure.hpp"

namespace culvert::lbd {
namespace {

using netlink::Link;

/// Names of net/ethtool/common.c. While GRO is off, no UDP GRO and no fraglist GRO happens either.
constexpr const char* gro = "rx-gro";
constexpr const char* lro = "rx-lro";
constexpr const char* hardware_gro = "rx-gro-hw";
constexpr const char* tags = "rx-vlan-hw-parse";
constexpr const char* service_tags = "rx-vlan-stag-hw-parse";

/// The `lower` link of a veth is its other end, which is not below it.
bool is_below(const Link& lower, const Link& upper) {
    return lower.master == upper.index ||
           (upper.lower == lower.index && !upper.lower_netns && upper.kind != "veth" && lower.index != upper.index);
}

std::set<std::uint32_t> below(std::uint32_t index, const Links& links) {
    std::set<std::uint32_t> found;
    const auto upper = links.find(index);
    if (upper == links.end()) return found;
    for (const auto& [lower, link] : links) {
        if (!is_below(link, upper->second) || !found.insert(lower).second) continue;
        found.merge(below(lower, links));
    }
    return found;
}

bool is_generic(const Attachment& program) { return program.mode == XdpMode::generic; }

/// Whether frames reach the program with their VLAN tags. On a VLAN device the kernel has removed only the device's
/// own.
bool is_by_driver(std::uint32_t index, const Links& links) {
    const auto port = links.find(index);
    return port != links.end() && (port->second.kind == "vlan" || below(index, links).empty());
}

bool has_vlans(std::uint32_t index, const Links& links) {
    return std::ranges::any_of(links, [&](const auto& one) {
        return one.second.kind == "vlan" && one.second.lower == index && !one.second.lower_netns;
    });
}

bool has_no_native_xdp(const Link& link) {
    return link.kind == "bridge" || link.kind == "vlan" || link.kind == "macvlan" || link.kind == "team";
}

bool is_virtual(const Link& link) { return link.kind == "veth" || link.kind == "tun"; }

Offload part(const Offload& offload, std::set<std::string> features) {
    return {.ifindex = offload.ifindex, .name = offload.name, .off = std::move(features)};
}

}  // namespace

std::vector<Offload> offloads_in_the_way(const std::vector<Attachment>& programs, const Links& links) {
    std::map<std::uint32_t, std::set<std::string>> found;
    for (const Attachment& program : programs) {
        if (!is_generic(program) || !links.contains(program.ifindex)) continue;
        const auto lower = below(program.ifindex, links);
        for (const std::uint32_t index : lower) found[index].insert({gro, lro, hardware_gro});
        found[program.ifindex].insert({lro, hardware_gro});
        if (lower.empty()) found[program.ifindex].insert({tags, service_tags});
    }
    std::vector<Offload> offloads;
    for (auto& [index, features] : found)
        offloads.push_back({.ifindex = index, .name = links.at(index).name, .off = std::move(features)});
    return offloads;
}

std::vector<std::string> hidden_vlans(const Attachment& program, const Links& links) {
    std::vector<std::string> names;
    if (!is_generic(program) || is_by_driver(program.ifindex, links)) return names;
    for (const auto& [index, link] : links)
        if (link.kind == "vlan" && link.lower == program.ifindex && !link.lower_netns) names.push_back(link.name);
    return names;
}

std::vector<Attachment> expected_programs(const std::vector<Attachment>& attached, const Links& ports, XdpMode wanted) {
    std::vector<Attachment> programs = attached;
    for (const auto& [index, port] : ports) {
        if (std::ranges::find(attached, index, &Attachment::ifindex) != attached.end()) continue;
        const bool is_native =
            wanted != XdpMode::generic && !has_no_native_xdp(port) && !(port.xdp && port.xdp->mode == XDP_ATTACHED_SKB);
        programs.push_back(
            {.ifindex = index, .name = port.name, .mode = is_native ? XdpMode::native : XdpMode::generic});
    }
    if (std::ranges::any_of(programs, is_generic))
        for (Attachment& program : programs) program.mode = XdpMode::generic;
    return programs;
}

lb_unfinished unfinished(const std::vector<Attachment>& programs, const Links& links) {
    if (std::ranges::any_of(programs, is_generic)) return LB_UNFINISHED_KERNEL;
    for (const Attachment& program : programs) {
        auto devices = below(program.ifindex, links);
        devices.insert(program.ifindex);
        for (const std::uint32_t index : devices)
            if (const auto link = links.find(index); link != links.end() && is_virtual(link->second))
                return LB_UNFINISHED_HERE;
    }
    return LB_UNFINISHED_NEVER;
}

OffloadPlan plan_offloads(const std::vector<Offload>& in_the_way, const Originals& originals,
                          const FoundFeatures& before, const FoundFeatures& now, const Links& links) {
    OffloadPlan plan;
    std::map<std::uint32_t, std::set<std::string>> wanted;
    for (const Offload& offload : in_the_way) wanted[offload.ifindex] = offload.off;
    for (const auto& [index, original] : originals) {
        if (!links.contains(index)) continue;
        Offload on{.ifindex = index, .name = links.at(index).name, .off = {}};
        Original kept{.name = on.name, .on = {}};
        for (const std::string& name : original.on) (wanted[index].contains(name) ? kept.on : on.off).insert(name);
        if (!on.off.empty()) plan.turn_on.push_back(std::move(on));
        if (!kept.on.empty()) plan.originals[index] = std::move(kept);
    }
    const auto find = [](const FoundFeatures& found, std::uint32_t index, const std::string& name) {
        const auto device = found.find(index);
        if (device == found.end()) return netlink::Feature{};
        const auto feature = device->second.find(name);
        return feature == device->second.end() ? netlink::Feature{} : feature->second;
    };
    for (const Offload& offload : in_the_way) {
        std::set<std::string> off, fixed;
        for (const std::string& name : offload.off) {
            const auto feature = find(now, offload.ifindex, name);
            const bool concerns_tags = name == tags || name == service_tags;
            if (feature.fixed && concerns_tags && !has_vlans(offload.ifindex, links)) continue;
            if (feature.on) (feature.fixed ? fixed : off).insert(name);
            if (feature.fixed || (!feature.on && !find(before, offload.ifindex, name).on)) continue;
            plan.originals[offload.ifindex].name = offload.name;
            plan.originals[offload.ifindex].on.insert(name);
        }
        if (!off.empty()) plan.turn_off.push_back(part(offload, std::move(off)));
        if (!fixed.empty()) plan.fixed.push_back(part(offload, std::move(fixed)));
    }
    return plan;
}

netlink::Error cannot_be_turned_off(const Offload& fixed) {
    return {.operation = "balance by generic XDP on or above",
            .object = fixed.name,
            .code = EOPNOTSUPP,
            .kernel = fmt::format("its {} cannot be turned off", fmt::join(fixed.off, ", ")),
            .cure = std::string(cure_of("card_always_merges"))};
}

}  // namespace culvert::lbd
