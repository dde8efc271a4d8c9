// SPDX-License-Identifier: Apache-2.0
#include "realserver/desired/room.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <variant>

#include "realserver/receive/encapsulation.hpp"
#include "realserver/receive/receivers.hpp"

namespace culvert::realserver {

namespace {

// Bytes of headers without options.
constexpr std::uint32_t udp = 8;
constexpr std::uint32_t gre = 4;
constexpr std::uint32_t ethernet = 14;
constexpr std::uint32_t key = 4;  // of GRE
constexpr std::uint32_t tcp = 20;

constexpr std::uint32_t ip(Family family) { return family == Family::ipv4 ? 20 : 40; }

std::uint32_t path_mtu(const Desired& desired) {
    const std::uint32_t known = desired.config.mtu.value_or(desired.link_mtu.value_or(usual_mtu));
    return std::min(known, desired.link_mtu.value_or(known));
}

/// Whether clients' packets of a family arrive without a tunnel.
bool come_bare(const Config& config, Family family) {
    return std::ranges::any_of(config.receive, [family](const Receive& receive) {
        const auto* mark = std::get_if<L3dsr>(&receive);
        return mark != nullptr ? mark->vip.family() == family : std::holds_alternative<L2>(receive);
    });
}

std::uint32_t segment(std::uint32_t mtu, Family family) { return mtu - std::min(mtu, ip(family) + tcp); }

class Rooms {
  public:
    explicit Rooms(const Desired& desired)
        : mtu_(path_mtu(desired)), vips_(families(desired.config.vips)), receivers_(desired) {
        for (const Receive& receive : desired.config.receive)
            if (const auto* end = std::get_if<TunnelEnd>(&receive)) add(*end);
        for (const PointToPoint& tunnel : desired.config.tunnels) add(tunnel);
    }

    std::vector<Room> take() && { return std::move(rooms_); }

  private:
    void add(const TunnelEnd& end) {
        const Encapsulation& row = encapsulation(end);
        const std::uint32_t headers = (row.port == PortUse::none ? 0 : udp) + row.length;
        std::set<Family> out;
        for (const Inner inner : end.inner) {
            if (inner == Inner::gre) {
                add("gre in " + title(end), end.outer, vips_, headers + gre);
                continue;
            }
            out.merge(carried(inner, vips_));
            if (row.fou) add(title(end), end.outer, std::exchange(out, {}), headers);
        }
        add(title(end), end.outer, out, headers);
    }
    void add(const PointToPoint& tunnel) {
        using netlink::TunnelKind;
        const netlink::Tunnel& parameters = tunnel.parameters;
        std::uint32_t headers = 0;
        if (netlink::is_gre(parameters.kind)) headers += gre + (parameters.input_key ? key : 0);
        if (parameters.kind == TunnelKind::gretap || parameters.kind == TunnelKind::ip6gretap) headers += ethernet;
        if (parameters.encap.type != netlink::EncapType::none)
            headers += udp + encapsulation(kind_of(parameters.encap)).length;
        const auto carried = receivers_.devices().find(tunnel.name);
        add(tunnel.name, {netlink::outer_family(parameters.kind)}, carried->second, headers);
    }

    void add(const std::string& tunnel, const std::set<Family>& outers, const std::set<Family>& inners,
             std::uint32_t headers) {
        for (const Family outer : outers)
            for (const Family inner : inners) {
                const std::uint32_t overhead = ip(outer) + headers;
                rooms_.push_back({tunnel, outer, inner, overhead, mtu_ - std::min(mtu_, overhead)});
            }
    }

    std::uint32_t mtu_;
    std::set<Family> vips_;
    Receivers receivers_;
    std::vector<Room> rooms_;
};

}  // namespace

std::uint32_t Room::mss() const { return segment(mtu, inner); }

std::vector<Room> rooms(const Desired& desired) { return Rooms(desired).take(); }

std::optional<std::uint16_t> clamp(const Desired& desired, Family family) {
    const Config& config = desired.config;
    if (!families(config.vips).contains(family)) return std::nullopt;
    if (!config.mss.automatic) return config.mss.size;
    std::optional<std::uint32_t> least;
    if (config.mtu && come_bare(config, family)) least = segment(path_mtu(desired), family);
    for (const Room& room : rooms(desired))
        if (room.inner == family) least = std::min(least.value_or(room.mss()), room.mss());
    if (!least) return std::nullopt;
    return static_cast<std::uint16_t>(std::min<std::uint32_t>(*least, std::numeric_limits<std::uint16_t>::max()));
}

}  // namespace culvert::realserver
