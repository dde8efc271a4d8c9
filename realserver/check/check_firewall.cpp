// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "common/protocol.hpp"
#include "realserver/check/check.hpp"
#include "realserver/check/firewall/cure.hpp"
#include "realserver/guard/ruleset.hpp"
#include "realserver/receive/encapsulation.hpp"
#include "realserver/receive/receivers.hpp"

namespace culvert::realserver {

namespace {

constexpr int raw = netlink::nft::priority_raw;
constexpr std::array<Stage, 3> way_out{{{"output"}, {"postrouting"}, {"egress"}}};
/// Between these two stages our rules replace the DSCP by the VIP.
constexpr std::array<Stage, 2> way_in_marked{{{"ingress"}, {.hook = "prerouting", .last = raw}}};
constexpr std::array<Stage, 2> way_in_unmarked{{{.hook = "prerouting", .first = raw + 1}, {"input"}}};
constexpr std::array<Stage, 3> way_in{{{"ingress"}, {"prerouting"}, {"input"}}};

/// A port on which a process listens.
struct Service {
    std::uint8_t protocol;
    std::uint16_t port;
    auto operator<=>(const Service&) const = default;
};

struct Services {
    std::set<Service> all;
    bool bound = false;  ///< to the VIP itself; if false to all addresses, so perhaps not meant for the VIP
};

Services services_of(const Patient& patient, const IpAddress& vip) {
    Services bound{.all = {}, .bound = true};
    Services anywhere;
    for (const auto& [socket, device, owner] : patient.environment.listeners) {
        if (!socket.takes(vip)) continue;
        (socket.address.is_any() ? anywhere : bound).all.insert({socket.protocol, socket.port});
    }
    return bound.all.empty() ? anywhere : bound;
}

Prefix anybody(Family family) { return {IpAddress::any(family), 0}; }

FindingName finding_name(const Obstacle& obstacle, Leg leg) {
    if (obstacle.kind == Obstacle::Kind::rewritten) return "rule_rewrites";
    if (obstacle.tracking == Tracking::invalid) return "invalid_dropped";
    return leg == Leg::tunnel    ? FindingName("firewall_drops_tunnel")
           : leg == Leg::request ? FindingName("firewall_drops_request")
                                 : FindingName("firewall_drops_answer");
}

/// Collects the stopped packets by the rule that stops them.
class Firewalled {
  public:
    Firewalled(const Patient& patient, Diagnosis& diagnosis)
        : patient_(patient), seen_(patient.environment), receivers_(patient.desired), diagnosis_(diagnosis) {
        const auto table = ruleset(patient.desired);
        answers_untracked_ = table && table->chains.contains("l3dsr_answers");
    }

    void examine() {
        for (const Receive& receive : patient_.desired.by_kernel)
            if (const auto* end = std::get_if<TunnelEnd>(&receive)) tunnel(*end);
        for (const PointToPoint& device : patient_.config.tunnels) tunnel(device);
        for (const Prefix& vip : patient_.config.vips) serve(vip);
        for (const auto& [key, stopped] : stopped_)
            diagnosis_.findings.push_back({.name = key.first,
                                           .cause = fmt::format("{} {} {}", fmt::join(stopped.what, ", "),
                                                                stopped.certain ? "are" : "may be", stopped.verb),
                                           .evidence = {key.second},
                                           .cure = stopped.cure});
    }

  private:
    struct Stopped {
        std::vector<std::string> what{};
        bool certain = false;
        std::string_view verb{};
        std::vector<std::string> cure{};
    };

    /// Sends packets through a part of their path. Returns the obstacle that stops them, if any.
    std::optional<Obstacle> send(Packets& packets, std::span<const Stage> stages) {
        std::optional<Obstacle> found;
        for (const Stage& stage : stages) {
            auto here = obstacle(seen_.firewall, packets, stage);
            if (here && (!found || here->certain)) found = std::move(here);
            if (found && found->certain) break;
        }
        return found;
    }

    /// Adds each command once, and keeps the last one at the end: it may load what the others have written.
    static void add_cure(const std::vector<std::string>& commands, std::vector<std::string>& cure) {
        const auto has = [&](const std::string& command) { return std::ranges::find(cure, command) != cure.end(); };
        const bool same_end = !cure.empty() && cure.back() == commands.back();
        if (same_end) cure.pop_back();
        for (const std::string& command : commands)
            if (!has(command)) cure.push_back(command);
    }

    void report(const Obstacle& obstacle, Leg leg, const Packets& packets, const std::string& what) {
        Stopped& stopped = stopped_[{finding_name(obstacle, leg), obstacle.rule}];
        add_cure(firewall_cure(obstacle, leg, packets), stopped.cure);
        if (std::ranges::find(stopped.what, what) == stopped.what.end()) stopped.what.push_back(what);
        stopped.certain = stopped.certain || obstacle.certain;
        stopped.verb = obstacle.kind == Obstacle::Kind::dropped ? "dropped" : "rewritten";
    }

    void tunnel(const TunnelEnd& end) {
        const auto port = end.port == 0 ? std::nullopt : std::optional(end.port);
        for (const Family outer : end.outer)
            for (const std::uint8_t protocol : outer_protocols(end)) receive(outer, protocol, port, end.local);
    }
    void tunnel(const PointToPoint& tunnel) {
        const netlink::Tunnel& parameters = tunnel.parameters;
        if (!parameters.remote) return;
        const Prefix remote = Prefix::host(*parameters.remote);
        const auto way = seen_.remotes.find(*parameters.remote);
        const std::string input = way == seen_.remotes.end() ? "" : way->second.device;
        if (const auto port = receive_port(tunnel)) {
            receive_from(remote, input, IPPROTO_UDP, port->port, parameters.local);
        } else if (netlink::is_gre(parameters.kind)) {
            receive_from(remote, input, IPPROTO_GRE, {}, parameters.local);
        } else {
            for (const Family inner : receivers_.devices().at(tunnel.name))
                receive_from(remote, input, protocol_of(inner_of(inner)), {}, parameters.local);
        }
    }

    /// A tunnel's packets from every balancer, or from any source if there is none of the family.
    void receive(Family outer, std::uint8_t protocol, std::optional<std::uint16_t> port,
                 const std::optional<IpAddress>& local) {
        bool named = false;
        for (const Prefix& balancer : patient_.config.balancers) {
            if (balancer.address.family() != outer) continue;
            named = true;
            std::set<std::string> devices;
            const auto [first, last] = seen_.balancers.equal_range(balancer);
            std::for_each(first, last, [&](const auto& way) { devices.insert(way.second.device); });
            if (devices.empty()) devices.emplace();
            for (const std::string& device : devices) receive_from(balancer, device, protocol, port, local);
        }
        if (!named) receive_from(anybody(outer), "", protocol, port, local);
    }

    void receive_from(const Prefix& balancer, const std::string& input, std::uint8_t protocol,
                      std::optional<std::uint16_t> port, const std::optional<IpAddress>& local) {
        const Family outer = balancer.address.family();
        Packets packets{.protocol = protocol,
                        .source = balancer,
                        .destination = local ? Prefix::host(*local) : own_address(input, outer),
                        .destination_port = port,
                        .input = input,
                        .source_by_input = true,
                        .all = balancer.length > 0};
        ++diagnosis_.checked;
        const std::string what =
            fmt::format("{} from {}", port ? fmt::format("{}/udp", *port) : common::protocol_name(protocol),
                        balancer.length == 0 ? "balancers" : address_name(balancer));
        if (const auto found = send(packets, way_in)) report(*found, Leg::tunnel, packets, what);
    }

    /// The first address of a device, except VIPs.
    [[nodiscard]] Prefix own_address(const std::string& device, Family family) const {
        for (const auto& [its_device, prefix] : seen_.addresses)
            if (its_device == device && prefix.address.family() == family && !prefix.address.is_link_local())
                return Prefix::host(prefix.address);
        return anybody(family);
    }

    /// An obstacle on one leg of a service's packets.
    struct Encounter {
        Obstacle obstacle;
        Leg leg;
        Packets packets;
    };
    using Encounters = std::vector<Encounter>;

    void serve(const Prefix& vip) {
        const Services services = services_of(patient_, vip.address);
        std::map<Service, Encounters> encounters;
        for (const Service& service : services.all) encounters[service] = encounters_of(request(vip, service));
        diagnosis_.checked += services.all.size();
        // A service on all addresses need not be meant for the VIP: one such service without an obstacle is enough.
        const bool some_work = std::ranges::any_of(encounters, [](const auto& entry) { return entry.second.empty(); });
        if (some_work && !services.bound) return;
        for (const auto& [service, all] : encounters)
            for (const auto& [obstacle, leg, packets] : all)
                report(obstacle, leg, packets,
                       fmt::format("{} {} port {}/{}", leg == Leg::answer ? "answers of" : "requests to",
                                   address_name(vip), service.port, common::protocol_name(service.protocol)));
    }

    /// The obstacles on all paths by which requests arrive.
    Encounters encounters_of(const Packets& request) {
        Encounters all;
        const Family family = request.family();
        for (const auto& [device, carried] : receivers_.devices()) {
            if (!carried.contains(family) || !patient_.observed.state.contains({Kind::link, device})) continue;
            Packets packets = request;
            packets.input = device;
            packets.source_by_input = false;
            exchange(packets, send(packets, way_in), all);
        }
        for (const Decap& decap : patient_.desired.decap) {
            Packets packets = from_underlay(request, decap.device);
            exchange(packets, send(packets, way_in), all);
        }
        for (const std::string& device : underlays(family))
            for (const Receive& receive : patient_.desired.by_kernel) {
                Packets packets = from_underlay(request, device);
                const auto* mark = std::get_if<L3dsr>(&receive);
                if (std::holds_alternative<L2>(receive)) exchange(packets, send(packets, way_in), all);
                if (mark != nullptr && request.destination.contains(mark->vip))
                    exchange(packets, send_marked(packets, *mark), all);
            }
        return all;
    }

    /// The obstacles of requests and of their answers.
    void exchange(const Packets& request, const std::optional<Obstacle>& found, Encounters& all) {
        if (found) all.push_back({*found, Leg::request, request});
        Packets packets = answer(request);
        if (const auto obstacle = send(packets, way_out)) all.push_back({*obstacle, Leg::answer, packets});
    }

    /// A packet with a DSCP is for an address of the device. Behind our rules it is for the VIP, and untracked.
    std::optional<Obstacle> send_marked(Packets& packets, const L3dsr& mark) {
        Packets before = packets;
        before.dscp = mark.dscp;
        before.destination = own_address(packets.input, mark.vip.family());
        before.destination_on_input = true;
        auto found = send(before, way_in_marked);
        packets.dscp = mark.dscp;
        packets.tracking = Tracking::untracked;
        if (found && found->certain) return found;
        auto after = send(packets, way_in_unmarked);
        return after && (after->certain || !found) ? after : found;
    }

    [[nodiscard]] Packets answer(const Packets& request) const {
        const auto way = seen_.outside.find(request.family());
        Packets packets{.protocol = request.protocol,
                        .source = request.destination,
                        .destination = request.source,
                        .source_port = request.destination_port,
                        .output = way == seen_.outside.end() ? "" : way->second.device,
                        .tracking = Tracking::established,
                        .all = false};
        if (request.tracking == Tracking::untracked) {
            // To conntrack, an answer without a request is invalid in TCP and a new connection in UDP.
            packets.tracking = answers_untracked_                ? Tracking::untracked
                               : request.protocol == IPPROTO_TCP ? Tracking::invalid
                                                                 : Tracking::created;
        }
        return packets;
    }

    static Packets request(const Prefix& vip, const Service& service) {
        return {.protocol = service.protocol,
                .source = anybody(vip.address.family()),
                .destination = vip,
                .destination_port = service.port,
                .destination_on_input = false,
                .all = false};
    }

    [[nodiscard]] Packets from_underlay(Packets packets, const std::string& device) const {
        packets.input = device;
        const auto way = seen_.outside.find(packets.family());
        if (way != seen_.outside.end() && !device.empty()) packets.source_by_input = way->second.device == device;
        return packets;
    }

    /// The devices at which packets from clients arrive without a tunnel; an empty name if they are not known.
    [[nodiscard]] std::set<std::string> underlays(Family family) const {
        std::set<std::string> devices;
        for (const auto& [balancer, way] : seen_.balancers)
            if (balancer.address.family() == family) devices.insert(way.device);
        if (devices.empty()) devices.insert("");
        return devices;
    }

    const Patient& patient_;
    const Environment& seen_;
    const Receivers receivers_;
    Diagnosis& diagnosis_;
    bool answers_untracked_ = false;
    std::map<std::pair<FindingName, std::string>, Stopped> stopped_;
};

}  // namespace

void check_firewall(const Patient& patient, Diagnosis& diagnosis) {
    const Environment& seen = patient.environment;
    diagnosis.require(
        seen.firewall_unread.empty(),
        {.name = "firewall_unread",
         .cause = "the effect of the nftables rules is unknown",
         .evidence = {seen.firewall_unread},
         .advice = "install nftables, as check needs its program nft (Debian: apt-get install nftables)"});
    Firewalled(patient, diagnosis).examine();
}

}  // namespace culvert::realserver
