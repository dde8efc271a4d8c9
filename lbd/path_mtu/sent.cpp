// SPDX-License-Identifier: Apache-2.0
#include "lbd/path_mtu/sent.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "lbd/encap/shim.hpp"
#include "lbd/path_mtu/wire.hpp"

namespace culvert::lbd {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t udp_header = 8;

/// Compares all bytes but those that the program patches: source port, length and checksum of UDP.
bool begins_with(Bytes quoted, const Shim& shim) {
    const auto is_patched = [&](std::size_t at) { return shim.udp && at < udp_header && (at < 2 || at >= 4); };
    const Bytes sent = shim.headers.view();
    for (std::size_t i = 0; i < std::min(quoted.size(), sent.size()); ++i)
        if (!is_patched(i) && quoted[i] != sent[i]) return false;
    return true;
}

/// Whether the quoted bytes can be an outer UDP header of the program.
bool has_udp_fields(const Quotation& quotation) {
    constexpr std::uint16_t first_source_port = 0xc000;
    const Bytes quoted = quotation.payload;
    const std::size_t ip = quotation.destination.is_v4() ? ip4_header : ip6_header;
    return quoted.size() >= udp_header && u16_at(quoted, 0) >= first_source_port &&
           u16_at(quoted, 4) == quotation.length - ip;
}

/// Whether the quoted IP version and length can be those of a client's packet.
bool may_begin(Bytes packet, Family family, std::size_t length) {
    const bool is_v4 = family == Family::ipv4;
    if (!packet.empty() && packet[0] >> 4 != (is_v4 ? 4 : 6)) return false;
    if (is_v4 && packet.size() >= 4) return packet[0] == 0x45 && u16_at(packet, 2) == length;
    if (!is_v4 && packet.size() >= 6) return u16_at(packet, 4) + ip6_header == length;
    return true;
}

/// The quoted part of the client's packet. `is_whole`: it has all headers that identify the flow.
struct Inner {
    bool is_whole = false;
    std::optional<FlowTuple> flow;  ///< absent: not quoted, or no flow that lbd balances
};

Inner read_flow(std::uint8_t protocol, Bytes l4, FlowTuple flow) {
    if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_SCTP)
        return {.is_whole = true, .flow = {}};
    if (l4.size() < 4) return {};
    flow.protocol = protocol;
    flow.client_port = u16_at(l4, 0);
    flow.port = u16_at(l4, 2);
    return {.is_whole = true, .flow = flow};
}

Inner read_inner4(Bytes packet) {
    if (packet.size() < ip4_header) return {};
    constexpr unsigned fragment_offset = 0x1fff;
    if ((u16_at(packet, 6) & fragment_offset) != 0) return {.is_whole = true, .flow = {}};
    return read_flow(packet[9], packet.subspan(ip4_header),
                     {.client = address4_at(packet, 12), .vip = address4_at(packet, 16)});
}

/// Skips extension headers (RFC 8200, section 4), including that of a first fragment.
Inner read_inner6(Bytes packet) {
    if (packet.size() < ip6_header) return {};
    const FlowTuple flow{.client = address6_at(packet, 8), .vip = address6_at(packet, 24)};
    std::uint8_t next = packet[6];
    Bytes rest = packet.subspan(ip6_header);
    while (next == IPPROTO_HOPOPTS || next == IPPROTO_DSTOPTS || next == IPPROTO_ROUTING || next == IPPROTO_FRAGMENT) {
        constexpr std::size_t least = 8;
        if (rest.size() < least) return {};
        const bool is_fragment = next == IPPROTO_FRAGMENT;
        constexpr unsigned fragment_offset = 0xfff8;
        if (is_fragment && (u16_at(rest, 2) & fragment_offset) != 0) return {.is_whole = true, .flow = {}};
        const std::size_t length = is_fragment ? least : (rest[1] + 1U) * 8U;
        if (rest.size() < length) return {};
        next = rest[0];
        rest = rest.subspan(length);
    }
    return read_flow(next, rest, flow);
}

bool serves(const Service& service, const FlowTuple& flow) {
    return service.vip.prefix.contains(flow.vip) && std::ranges::any_of(service.ports, [&](const PortSpec& port) {
               return static_cast<std::uint8_t>(port.protocol) == flow.protocol &&
                      (port.port == 0 || (port.port <= flow.port && flow.port <= port.last));
           });
}

using Checked = tl::expected<Proof, Doubt>;

/// Whether packets of one kind match the quotation. The secrets are compared first, so that a false report does not
/// cost a search through many services.
Checked check_as(const Shim& shim, const Sent::Kinds::value_type& kind, const Quotation& quotation,
                 const FlowKey& key) {
    const auto no = [](Doubt doubt) { return tl::unexpected(doubt); };
    const auto& [what, services] = kind;
    const Bytes quoted = quotation.payload;
    const bool outer4 = quotation.destination.is_v4();
    if (shim.protocol != quotation.protocol || !begins_with(quoted, shim)) return no(Doubt::encapsulation);
    if (shim.udp && !has_udp_fields(quotation)) return no(Doubt::encapsulation);

    const std::size_t added = (outer4 ? ip4_header : ip6_header) + shim.headers.size();
    const Bytes packet = quoted.subspan(std::min(quoted.size(), shim.headers.size()));
    if (quotation.length <= added || !may_begin(packet, what.inner, quotation.length - added))
        return no(Doubt::encapsulation);
    const Inner inner = what.inner == Family::ipv4 ? read_inner4(packet) : read_inner6(packet);
    if (!inner.is_whole) return outer4 ? Checked(Proof::identification) : no(Doubt::too_short);
    if (!inner.flow) return no(Doubt::inner);
    const std::uint64_t hash = key.hash(*inner.flow);
    if (!outer4 && quotation.flow_label != FlowKey::flow_label(hash)) return no(Doubt::header);
    if (shim.udp && u16_at(quoted, 0) != FlowKey::source_port(hash)) return no(Doubt::flow);
    if (std::ranges::none_of(services, [&](const auto& service) { return serves(*service, *inner.flow); }))
        return no(Doubt::inner);
    if (shim.udp) return Proof::flow;
    return outer4 ? Proof::identification : Proof::flow_label;
}

}  // namespace

void Sent::add(const Services::Shared& service) {
    for (const Backend& backend : service->backends)
        backends_[backend.address][{.encap = backend.encap, .inner = service->vip.family()}].insert(service);
}

void Sent::remove(const Services::Shared& service) {
    for (const Backend& backend : service->backends) {
        const auto known = backends_.find(backend.address);
        if (known == backends_.end()) continue;
        const auto kind = known->second.find({.encap = backend.encap, .inner = service->vip.family()});
        if (kind == known->second.end()) continue;
        if (const auto one = kind->second.find(service); one != kind->second.end()) kind->second.erase(one);
        if (kind->second.empty()) known->second.erase(kind);
        if (known->second.empty()) backends_.erase(known);
    }
}

Checked Sent::check(const Quotation& quotation, const NextHop& hop, const FlowKey& key) const {
    const auto kinds = backends_.find(quotation.destination);
    if (kinds == backends_.end()) return tl::unexpected(Doubt::destination);
    if (quotation.source != hop.from) return tl::unexpected(Doubt::source);
    if (quotation.length <= quotation.mtu || quotation.length > hop.mtu) return tl::unexpected(Doubt::length);
    if (quotation.destination.is_v4() &&
        (quotation.may_be_fragmented || quotation.identification != hop.identification))
        return tl::unexpected(Doubt::header);

    Doubt least = Doubt::encapsulation;  // from the kind that matches best
    for (const auto& kind : kinds->second) {
        if (!is_tunnel(kind.first.encap)) continue;
        const Shim shim = shim_of(kind.first.encap, kind.first.inner, quotation.destination.family());
        const Checked checked = check_as(shim, kind, quotation, key);
        if (checked) return checked;
        if (checked.error() != Doubt::encapsulation) least = checked.error();
    }
    return tl::unexpected(least);
}

}  // namespace culvert::lbd
