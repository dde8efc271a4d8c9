// SPDX-License-Identifier: Apache-2.0
#include "realserver/model/device.hpp"

#include <fmt/format.h>

#include <variant>

namespace culvert::realserver {

namespace {

using netlink::Encap;
using netlink::Family;
using netlink::Geneve;
using netlink::Tunnel;
using netlink::TunnelInner;

std::string words(const Encap& encap) {
    const bool gue = encap.type == netlink::EncapType::gue;
    std::string text =
        fmt::format(", {} {} -> {}", gue ? "gue" : "fou",
                    encap.source_port == 0 ? "auto" : std::to_string(encap.source_port), encap.destination_port);
    if (encap.checksum || encap.checksum6) text += " with checksum";
    return text;
}

std::string words(const Tunnel& tunnel) {
    std::string text(netlink::name(tunnel.kind));
    if (tunnel.external) text += ", external";
    if (tunnel.local) text += ", local " + tunnel.local->to_string();
    if (tunnel.remote) text += ", remote " + tunnel.remote->to_string();
    if (tunnel.kind == netlink::TunnelKind::ip6tnl) text += fmt::format(", mode {}", mode_name(tunnel.inner));
    if (tunnel.input_key) text += fmt::format(", key {}", *tunnel.input_key);
    if (tunnel.ttl != 0) text += fmt::format(", ttl {}", tunnel.ttl);
    if (tunnel.encap.type != netlink::EncapType::none) text += words(tunnel.encap);
    return text;
}

std::string words(const Geneve& geneve) {
    std::string text = fmt::format("geneve, port {}", geneve.port);
    if (geneve.external) return text + ", any vni";
    text += fmt::format(", vni {}", geneve.vni);
    if (geneve.remote) text += ", remote " + geneve.remote->to_string();
    return text;
}

std::optional<Family> outer(const Tunnel& tunnel) { return netlink::outer_family(tunnel.kind); }
std::optional<Family> outer(const Geneve& geneve) {
    return geneve.remote ? std::optional(geneve.remote->family()) : std::nullopt;
}

std::optional<std::uint16_t> port(const Tunnel& /*those of FOU and GUE are not the device's*/) { return std::nullopt; }
std::optional<std::uint16_t> port(const Geneve& geneve) { return geneve.port; }

bool carries_frames_to_us(const Tunnel& /*those of Ethernet may have any address*/) { return false; }
bool carries_frames_to_us(const Geneve& /*geneve*/) { return true; }

bool are_changeable(const Tunnel& now, const Tunnel& then) {
    return now.kind == then.kind && now.external == then.external;
}
bool are_changeable(const Geneve& now, const Geneve& then) { return now == then; }

bool take_the_same(const Tunnel& one, const Tunnel& other) {
    return one.kind == other.kind && one.local == other.local && one.remote == other.remote && one.link == other.link &&
           one.input_key == other.input_key && one.external == other.external;
}
bool take_the_same(const Geneve& one, const Geneve& other) { return one.port == other.port; }

/// Compares two devices of one kind; false for different kinds.
template <typename Compare>
bool compare(const Device& one, const Device& other, Compare&& of_one_kind) {
    return std::visit(
        [&]<typename One, typename Other>(const One& first, const Other& second) {
            if constexpr (std::is_same_v<One, Other>)
                return of_one_kind(first, second);
            else
                return false;
        },
        one.parameters, other.parameters);
}

}  // namespace

std::optional<Device> device_of(const netlink::Link& link) {
    const auto* parameters = std::get_if<netlink::TunnelDevice>(&link.details);
    if (parameters == nullptr) return std::nullopt;
    const bool has_mac = std::visit([](const auto& of) { return carries_frames_to_us(of); }, *parameters);
    return Device{.name = link.name, .parameters = *parameters, .mac = has_mac ? link.mac : std::nullopt};
}

std::string_view mode_name(TunnelInner inner) {
    switch (inner) {
        case TunnelInner::any:
            return "any";
        case TunnelInner::ipv4:
            return "ip4ip6";
        case TunnelInner::ipv6:
            return "ip6ip6";
        case TunnelInner::mpls:
            return "mplsip6";
    }
    return {};
}

std::string describe(const Device& device) {
    std::string text = std::visit([](const auto& parameters) { return words(parameters); }, device.parameters);
    if (device.mac) text += ", mac " + device.mac->to_string();
    return text;
}

std::optional<Family> outer_family(const Device& device) {
    return std::visit([](const auto& parameters) { return outer(parameters); }, device.parameters);
}

std::optional<std::uint16_t> port_of(const Device& device) {
    return std::visit([](const auto& parameters) { return port(parameters); }, device.parameters);
}

bool can_become(const Device& device, const Device& wanted) {
    return compare(device, wanted, [](const auto& now, const auto& then) { return are_changeable(now, then); });
}

bool receive_the_same(const Device& one, const Device& other) {
    return compare(one, other, [](const auto& first, const auto& second) { return take_the_same(first, second); });
}

}  // namespace culvert::realserver
