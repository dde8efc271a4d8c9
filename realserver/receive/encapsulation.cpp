// SPDX-License-Identifier: Apache-2.0
#include "realserver/receive/encapsulation.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "realserver/receive/fallback.hpp"

namespace culvert::realserver {

namespace {

using common::EncapKind;

/// The only kind of geneve device that accepts any sender. The kernel allows one for each port.
Device geneve_device(const TunnelEnd& end) {
    return {.name = fmt::format("{}{}", encapsulation(end).device_prefix, end.port),
            .parameters = netlink::Geneve{.port = end.port, .external = true, .zero_checksum6_accept = true},
            .mac = common::geneve_mac};
}

constexpr std::array table{
    Encapsulation{.kind = EncapKind::ipip},
    Encapsulation{.kind = EncapKind::gre, .length = 4, .protocol = IPPROTO_GRE},
    Encapsulation{.kind = EncapKind::fou,
                  .port = PortUse::one_protocol,
                  .example_port = "5004",
                  .has_binding = true,
                  .may_hold_gre = true,
                  .behind = behind_fou,
                  .shapes = shapes_of_fou,
                  .module = "fou",
                  .fou = netlink::FouType::fou},
    Encapsulation{.kind = EncapKind::gue,
                  .port = PortUse::any_protocol,
                  .example_port = "5080",
                  .has_binding = true,
                  .may_hold_gre = true,
                  .length = 4,
                  .behind = behind_gue,
                  .shapes = shapes_of_gue,
                  .module = "fou",
                  .fou = netlink::FouType::gue},
    Encapsulation{.kind = EncapKind::geneve,
                  .port = PortUse::device,
                  .default_port = common::geneve_port,
                  .has_vni = true,
                  .length = 8 + 14,  // with the Ethernet header of the inner frame
                  .behind = behind_geneve,
                  .shapes = shapes_of_geneve,
                  .module = "geneve",
                  .device = geneve_device,
                  .device_prefix = "geneve"},
};

}  // namespace

const Encapsulation* find_encapsulation(EncapKind kind) {
    const auto* const found = std::ranges::find(table, kind, &Encapsulation::kind);
    return found == table.end() ? nullptr : found;
}

const Encapsulation& encapsulation(EncapKind kind) {
    const Encapsulation* found = find_encapsulation(kind);
    assert(found != nullptr);
    return *found;
}

const Encapsulation& encapsulation(const TunnelEnd& end) { return encapsulation(end.encap); }

std::string title(const TunnelEnd& end) {
    return end.port == 0 ? std::string(name(end.encap)) : fmt::format("{} {}", name(end.encap), end.port);
}

std::set<Family> families_of_port(const TunnelEnd& end) {
    return encapsulation(end).port == PortUse::device ? std::set{Family::ipv4, Family::ipv6} : end.outer;
}

TunnelEnd claim_of(const TunnelEnd& end, Family outer) {
    const PortUse use = encapsulation(end).port;
    if (use == PortUse::device) return {.encap = end.encap, .port = end.port, .outer = {outer}};
    TunnelEnd claim = end;
    claim.outer = {outer};
    if (use == PortUse::any_protocol) claim.inner.clear();
    return claim;
}

std::uint8_t protocol_of(Inner inner) {
    switch (inner) {
        case Inner::ipv4:
            return IPPROTO_IPIP;
        case Inner::ipv6:
            return IPPROTO_IPV6;
        case Inner::gre:
            return IPPROTO_GRE;
    }
    return 0;
}

std::set<std::uint8_t> outer_protocols(const TunnelEnd& end) {
    const Encapsulation& row = encapsulation(end);
    if (row.port != PortUse::none) return {IPPROTO_UDP};
    std::set<std::uint8_t> protocols;
    for (const Inner inner : end.inner) protocols.insert(row.protocol.value_or(protocol_of(inner)));
    return protocols;
}

std::set<Family> carried(Inner inner, const std::set<Family>& vips) {
    if (inner == Inner::gre) return vips;
    return {inner == Inner::ipv4 ? Family::ipv4 : Family::ipv6};
}

bool is_own_device(std::string_view name) {
    return std::ranges::any_of(table, [&](const Encapsulation& one) {
        return !one.device_prefix.empty() && name.starts_with(one.device_prefix);
    });
}

std::set<std::string_view> all_modules() {
    std::set<std::string_view> modules{"fou", "fou6"};
    for (const FallbackDevice& device : fallback_devices) modules.insert(device.module);
    for (const Encapsulation& one : table)
        if (!one.module.empty()) modules.insert(one.module);
    return modules;
}

}  // namespace culvert::realserver
