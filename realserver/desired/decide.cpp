// SPDX-License-Identifier: Apache-2.0
#include "realserver/desired/decide.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>
#include <utility>

#include "realserver/receive/encapsulation.hpp"
#include "realserver/receive/fallback.hpp"
#include "realserver/receive/receivers.hpp"

namespace culvert::realserver {

namespace {

/// The program that each device should run.
class Programs {
  public:
    Programs(const Config& config, const Surroundings& around) {
        common_.balancers = {config.balancers.begin(), config.balancers.end()};
        common_.vips = {config.vips.begin(), config.vips.end()};
        common_.guard = config.guard;
        common_.own = around.addresses;
        for (const Prefix& vip : config.vips) {
            if (vip.is_host())
                common_.own.erase(vip.address);
            else
                std::erase_if(common_.own, [&](const IpAddress& address) { return vip.contains(address); });
        }
        devices_ = config.interfaces;
        if (devices_.empty()) devices_.assign(around.ways_in.begin(), around.ways_in.end());
        if (devices_.empty()) devices_.emplace_back();
    }

    void add(const TunnelEnd& end) {
        for (DecapProgram* program : on(end.device))
            for (const Family outer : end.outer)
                if (end.port != 0)
                    add_port(end, program->ports[{end.port, outer}]);
                else
                    add_families(end, (end.encap == common::EncapKind::gre ? program->gre : program->ipip)[outer]);
    }

    [[nodiscard]] std::vector<Decap> take() && {
        std::vector<Decap> result;
        for (auto& [device, program] : programs_)
            result.push_back({.device = device, .program = std::move(program), .mode = {}});
        return result;
    }

  private:
    /// Several ends may share a port.
    static void add_port(const TunnelEnd& end, DecapPort& port) {
        port.encap = end.encap;
        port.inner.insert(end.inner.begin(), end.inner.end());
        if (encapsulation(end).has_vni) port.vnis.insert(end.vni);
        port.local = end.local;
        port.peer = end.peer;
        port.peer_port = end.peer_port;
    }

    static void add_families(const TunnelEnd& end, std::set<Family>& families) {
        for (const Inner inner : end.inner) families.merge(carried(inner, {}));
    }

    /// The programs of one device, or of all if the name is empty.
    std::vector<DecapProgram*> on(const std::string& device) {
        std::vector<DecapProgram*> result;
        for (const std::string& name : device.empty() ? devices_ : std::vector{device})
            result.push_back(&programs_.try_emplace(name, common_).first->second);
        return result;
    }

    DecapProgram common_;
    std::vector<std::string> devices_;
    std::map<std::string, DecapProgram> programs_;
};

bool is_for_xdp(const Receive& receive, const Config& config, const Surroundings& around) {
    const Via said = via(receive);
    if (said != Via::automatic) return said == Via::xdp;
    if (config.balancers.empty()) return false;  // XDP would accept no sender
    const Receivers receivers(Config{.vips = config.vips, .receive = {receive}});
    return std::ranges::any_of(receivers.modules(), [&](std::string_view module) {
        return around.absent_modules.contains(std::string(module));
    });
}

/// What the program passes (addressed to a VIP, at another interface, plain IPIP beside GUE) gets to these devices.
/// Without their module there is none of their kinds.
std::set<std::string> left_to_others(const Desired& desired, const Surroundings& around) {
    const Receivers receivers(Config{.vips = desired.config.vips, .receive = desired.by_xdp});
    std::set<std::string> devices;
    for (const FallbackDevice& device : fallback_devices)
        if (receivers.devices().contains(device.name) && !around.absent_modules.contains(std::string(device.module)))
            devices.emplace(device.name);
    return devices;
}

std::set<std::string> peers_elsewhere(const Config& config, const Surroundings& around) {
    std::set<std::string> devices;
    for (const SplitTunnel& tunnel : around.split_tunnels)
        if (!tunnel.netns && tunnel.parameters.remote &&
            std::ranges::any_of(config.tunnel_peers,
                                [&](const Prefix& peer) { return peer.contains(*tunnel.parameters.remote); }))
            devices.insert(tunnel.device);
    return devices;
}

std::set<std::uint16_t> ports_of_others(const Config& config, const Surroundings& around) {
    std::set<std::uint16_t> ports = around.ports_of_others;
    for (const Receive& receive : config.receive)
        if (const auto* end = std::get_if<TunnelEnd>(&receive)) ports.erase(end->port);
    for (const PointToPoint& tunnel : config.tunnels)
        if (const auto end = receive_port(tunnel)) ports.erase(end->port);
    return ports;
}

}  // namespace

Desired decide(const Config& config, const Surroundings& around) {
    Desired desired{.config = config,
                    .peers_elsewhere = peers_elsewhere(config, around),
                    .ports_of_others = ports_of_others(config, around),
                    .ways_in = around.ways_in,
                    .link_mtu = around.link_mtu};
    for (const Receive& receive : config.receive)
        (is_for_xdp(receive, config, around) ? desired.by_xdp : desired.by_kernel).push_back(receive);
    if (desired.by_xdp.empty()) return desired;
    Programs programs(config, around);
    for (const Receive& receive : desired.by_xdp) programs.add(std::get<TunnelEnd>(receive));
    desired.decap = std::move(programs).take();
    desired.left_to_others = left_to_others(desired, around);
    return desired;
}

std::optional<netlink::Error> undecided(const Desired& desired) {
    const auto nowhere = [](const Decap& decap) { return decap.device.empty(); };
    if (std::ranges::none_of(desired.decap, nowhere)) return std::nullopt;
    return netlink::Error{.operation = "choose",
                          .object = "a device for XDP",
                          .code = ENETUNREACH,
                          .kernel = "no route leads to a balancer",
                          .cure = "name it in the configuration: interfaces: [eth0]"};
}

}  // namespace culvert::realserver
