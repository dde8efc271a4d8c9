// SPDX-License-Identifier: Apache-2.0
#include "realserver/desired/decide.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>
#include <utility>

#include "realserver/desired/receivers.hpp"

namespace culvert::realserver {

namespace {

using common::EncapKind;

/// The program that each device is to have.
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

    void add(const IpTunnel& tunnel) {
        for (DecapProgram* program : on({}))
            for (const Family outer : tunnel.outer) {
                auto& inner = (tunnel.encap == EncapKind::gre ? program->gre : program->ipip)[outer];
                inner.insert(tunnel.inner.begin(), tunnel.inner.end());
            }
    }

    void add(const UdpTunnel& tunnel) {
        for (DecapProgram* program : on(tunnel.device))
            for (const Family outer : tunnel.outer) {
                DecapPort& port = program->ports[{tunnel.port, outer}];
                port.encap = tunnel.type == netlink::FouType::fou ? EncapKind::fou : EncapKind::gue;
                port.inner.insert(tunnel.inner.begin(), tunnel.inner.end());
                port.local = tunnel.local;
                port.peer = tunnel.peer;
                port.peer_port = tunnel.peer_port;
            }
    }

    void add(const GeneveTunnel& tunnel) {
        for (DecapProgram* program : on({}))
            for (const Family outer : tunnel.outer) {
                DecapPort& port = program->ports[{tunnel.port, outer}];
                port.encap = EncapKind::geneve;
                for (const Family inner : tunnel.inner)
                    port.inner.insert(inner == Family::ipv4 ? Inner::ipv4 : Inner::ipv6);
                port.vnis.insert(tunnel.vni);
            }
    }

    void add(const L3dsr&) const {}
    void add(const L2&) const {}

    [[nodiscard]] std::vector<Decap> take() && {
        std::vector<Decap> result;
        for (auto& [device, program] : programs_)
            result.push_back({.device = device, .program = std::move(program), .mode = {}});
        return result;
    }

  private:
    /// The programs of one device, or of all.
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
    if (config.balancers.empty()) return false;  // XDP would let nobody in
    const Receivers receivers(Config{.vips = config.vips, .receive = {receive}});
    return std::ranges::any_of(receivers.modules(), [&](std::string_view module) {
        return around.absent_modules.contains(std::string(module));
    });
}

}  // namespace

Via via(const Receive& receive) {
    return std::visit(
        [](const auto& kind) {
            if constexpr (requires { kind.via; })
                return kind.via;
            else
                return Via::kernel;
        },
        receive);
}

Desired decide(const Config& config, const Surroundings& around) {
    Desired desired{.config = config, .ways_in = around.ways_in, .link_mtu = around.link_mtu};
    for (const Receive& receive : config.receive)
        (is_for_xdp(receive, config, around) ? desired.by_xdp : desired.by_kernel).push_back(receive);
    if (desired.by_xdp.empty()) return desired;
    Programs programs(config, around);
    for (const Receive& receive : desired.by_xdp) std::visit([&](const auto& kind) { programs.add(kind); }, receive);
    desired.decap = std::move(programs).take();
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
