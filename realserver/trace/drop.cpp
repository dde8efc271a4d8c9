// SPDX-License-Identifier: Apache-2.0
#include "realserver/trace/drop.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "realserver/receive/encapsulation.hpp"
#include "realserver/receive/receivers.hpp"

namespace culvert::realserver {

namespace {

constexpr std::uint16_t ethertype_ipv4 = 0x0800;
constexpr std::uint16_t ethertype_ipv6 = 0x86dd;
constexpr std::uint16_t ethertype_teb = 0x6558;  // Ethernet
constexpr std::size_t ethernet_length = 14;

struct Layer {
    std::size_t offset;
    Flow flow;
};

/// Follows the headers inwards, as long as there are bytes and tunnels.
class Dissector {
  public:
    Dissector(std::span<const std::uint8_t> bytes, const Config& config) : bytes_(bytes), config_(config) {}

    void ip(std::size_t at) {
        if (!has(at, 1)) return;
        const int version = bytes_[at] >> 4;
        if (version == 4) ipv4(at);
        if (version == 6) ipv6(at);
    }

    [[nodiscard]] const std::vector<Layer>& layers() const { return layers_; }
    /// "gre over gue 5080": innermost first.
    [[nodiscard]] const std::string& encap() const { return encap_; }

  private:
    [[nodiscard]] bool has(std::size_t at, std::size_t size) const { return at + size <= bytes_.size(); }
    [[nodiscard]] std::uint16_t word(std::size_t at) const {
        return static_cast<std::uint16_t>(bytes_[at] << 8 | bytes_[at + 1]);
    }
    [[nodiscard]] IpAddress address(std::size_t at, std::size_t size) const {
        return IpAddress::from_bytes(bytes_.subspan(at, size)).value();
    }

    /// RFC 791 section 3.1
    void ipv4(std::size_t at) {
        const std::size_t length = (bytes_[at] & 0xfU) * 4U;
        if (length < 20 || !has(at, 20)) return;
        const std::uint8_t protocol = bytes_[at + 9];
        layers_.push_back({at, {address(at + 12, 4), address(at + 16, 4), protocol, {}, {}}});
        const bool later_fragment = (word(at + 6) & 0x1fff) != 0;
        if (!later_fragment) payload(protocol, at + length);
    }

    /// RFC 8200 sections 3 and 4
    void ipv6(std::size_t at) {
        if (!has(at, 40)) return;
        Flow flow{address(at + 8, 16), address(at + 24, 16), bytes_[at + 6], {}, {}};
        std::size_t next = at + 40;
        bool later_fragment = false;
        while (has(next, 8) && is_extension(flow.protocol)) {
            const bool fragment = flow.protocol == IPPROTO_FRAGMENT;
            later_fragment = later_fragment || (fragment && (word(next + 2) & 0xfff8) != 0);
            flow.protocol = bytes_[next];
            next += fragment ? 8 : (bytes_[next + 1] + 1U) * 8U;
        }
        layers_.push_back({at, flow});
        if (!later_fragment) payload(flow.protocol, next);
    }

    static bool is_extension(std::uint8_t protocol) {
        return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING || protocol == IPPROTO_FRAGMENT ||
               protocol == IPPROTO_DSTOPTS;
    }

    void payload(std::uint8_t protocol, std::size_t at) {
        if (protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6) {
            if (!in_udp_) enter("ipip");
            return ip(at);
        }
        if (protocol == IPPROTO_GRE) return gre(at);
        if ((protocol != IPPROTO_UDP && protocol != IPPROTO_TCP) || !has(at, 4)) return;
        layers_.back().flow.source_port = word(at);
        layers_.back().flow.destination_port = word(at + 2);
        if (protocol == IPPROTO_UDP) udp(word(at + 2), at + 8);
    }

    /// RFC 2784 section 2.1, RFC 2890 section 2: checksum, key and sequence number have four bytes each.
    void gre(std::size_t at) {
        if (!has(at, 4)) return;
        enter("gre");
        const std::uint16_t flags = word(at);
        std::size_t next = at + 4;
        for (const unsigned flag : {0x8000U, 0x2000U, 0x1000U}) next += (flags & flag) != 0 ? 4 : 0;
        ethertype(word(at + 2), next);
    }

    void ethertype(std::uint16_t type, std::size_t at) {
        if (type == ethertype_teb && has(at, ethernet_length)) return ethertype(word(at + 12), at + ethernet_length);
        if (type == ethertype_ipv4 || type == ethertype_ipv6) ip(at);
    }

    void udp(std::uint16_t port, std::size_t at) {
        const Family family = layers_.back().flow.destination.family();
        const auto is_its = [&](const TunnelEnd& end) {
            return port != 0 && end.port == port && end.outer.contains(family);
        };
        for (const Receive& receive : config_.receive)
            if (const auto* end = std::get_if<TunnelEnd>(&receive); end != nullptr && is_its(*end))
                return behind(*end, at);
        for (const PointToPoint& tunnel : config_.tunnels)
            if (const auto own = receive_port(tunnel); own && is_its(*own)) return behind(*own, at);
    }

    void behind(const TunnelEnd& end, std::size_t at) {
        const Next next = encapsulation(end).behind(end, bytes_.subspan(std::min(at, bytes_.size())));
        if (next.tunnel.empty()) return;
        enter(next.tunnel);
        if (next.kind == Next::Kind::ethertype) return ethertype(next.value, at + next.length);
        in_udp_ = true;
        if (next.kind == Next::Kind::ip) return ip(at + next.length);
        if (next.kind == Next::Kind::protocol) payload(static_cast<std::uint8_t>(next.value), at + next.length);
    }

    void enter(std::string_view name) {
        encap_ = encap_.empty() ? std::string(name) : fmt::format("{} over {}", name, encap_);
    }

    std::span<const std::uint8_t> bytes_;
    const Config& config_;
    std::vector<Layer> layers_;
    std::string encap_;
    bool in_udp_ = false;
};

Packet packet_of(const Dissector& dissector, bool unwrapped) {
    const auto& layers = dissector.layers();
    Packet packet{.encap = dissector.encap(), .outer = {}, .flow = layers.back().flow, .unwrapped = unwrapped};
    if (layers.size() > 1) packet.outer = layers.front().flow;
    return packet;
}

}  // namespace

std::optional<Packet> dissect(std::span<const std::uint8_t> bytes, std::size_t network, bool from_tunnel_device,
                              const Config& config) {
    Dissector inner(bytes, config);
    inner.ip(network);
    if (inner.layers().empty()) return std::nullopt;
    if (!from_tunnel_device) return packet_of(inner, false);

    // The outer header is the one from which following the headers leads exactly to this one.
    for (std::size_t start = 0; start < network; ++start) {
        Dissector outer(bytes, config);
        outer.ip(start);
        if (outer.layers().size() > 1 && outer.layers()[1].offset == network) return packet_of(outer, true);
    }
    return packet_of(inner, true);
}

bool any_contains(const std::vector<Prefix>& prefixes, const IpAddress& address) {
    return std::ranges::any_of(prefixes, [&](const Prefix& prefix) { return prefix.contains(address); });
}

bool concerns(const Drop& drop, const Config& config) {
    return drop.packet.unwrapped || !drop.packet.encap.empty() ||
           any_contains(config.vips, drop.packet.flow.destination);
}

}  // namespace culvert::realserver
