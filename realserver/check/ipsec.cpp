// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <netinet/in.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "common/protocol.hpp"
#include "realserver/check/check.hpp"
#include "realserver/receive/encapsulation.hpp"

/// Finds policies of IPsec that drop packets: before the host's own sockets and tunnels receive them, and before
/// answers leave. A policy that demands IPsec of packets is the administrator's way to protect them, and not judged.
namespace culvert::realserver {

namespace {

using netlink::IpsecDirection;
using netlink::IpsecPolicy;
using netlink::IpsecSelector;

std::optional<Prefix> common_part(const Prefix& one, const Prefix& other) {
    const auto& [wide, narrow] = one.length <= other.length ? std::tie(one, other) : std::tie(other, one);
    return wide.contains(narrow.address) ? std::optional(narrow.network()) : std::nullopt;
}

/// Of numbers of which 0 is any.
template <typename Number>
std::optional<Number> common_part(Number one, Number other) {
    if (one != 0 && other != 0 && one != other) return std::nullopt;
    return one != 0 ? one : other;
}

/// The packets that both select, if there are any.
std::optional<IpsecSelector> common_part(const IpsecSelector& one, const IpsecSelector& other) {
    const auto source = common_part(one.source, other.source);
    const auto destination = common_part(one.destination, other.destination);
    const auto protocol = common_part(one.protocol, other.protocol);
    const auto source_port = common_part(one.source_port, other.source_port);
    const auto destination_port = common_part(one.destination_port, other.destination_port);
    if (!source || !destination || !protocol || !source_port || !destination_port) return std::nullopt;
    return IpsecSelector{.source = *source,
                         .destination = *destination,
                         .protocol = *protocol,
                         .source_port = *source_port,
                         .destination_port = *destination_port};
}

/// Packets without which the backend does not work.
struct Needed {
    std::string what;  ///< "requests to 192.0.2.1"
    IpsecDirection direction;
    IpsecSelector packets;
    std::optional<std::set<IpAddress>> clients{};  ///< a policy has to drop the packets of all of them
};

class Blocked {
  public:
    Blocked(const Patient& patient, Diagnosis& diagnosis)
        : patient_(patient), seen_(patient.environment), diagnosis_(diagnosis) {}

    void examine() {
        for (const Prefix& vip : patient_.config.vips) serve(vip);
        for (const Receive& receive : patient_.desired.by_kernel)
            if (const auto* end = std::get_if<TunnelEnd>(&receive)) receive_from_balancers(*end);
        for (const auto& [cure, finding] : findings_) diagnosis_.findings.push_back(finding);
    }

  private:
    void serve(const Prefix& vip) {
        std::set<IpAddress> clients;
        for (const auto& answer : seen_.answers)
            if (answer.vip == vip) clients.insert(answer.client);
        const Prefix anybody{IpAddress::any(vip.address.family()), 0};
        const std::string name = vip.is_host() ? vip.address.to_string() : vip.to_string();
        std::set<std::pair<std::uint8_t, std::uint16_t>> services;
        for (const auto& listener : seen_.listeners)
            if (listener.socket.takes(vip.address)) services.emplace(listener.socket.protocol, listener.socket.port);
        for (const auto& [protocol, port] : services) {
            const std::string service = fmt::format("port {}/{}", port, common::protocol_name(protocol));
            need({.what = fmt::format("requests to {} {}", name, service),
                  .direction = IpsecDirection::in,
                  .packets = {.source = anybody, .destination = vip, .protocol = protocol, .destination_port = port},
                  .clients = clients});
            need({.what = fmt::format("answers of {} {}", name, service),
                  .direction = IpsecDirection::out,
                  .packets = {.source = vip, .destination = anybody, .protocol = protocol, .source_port = port},
                  .clients = clients});
        }
    }

    void receive_from_balancers(const TunnelEnd& end) {
        for (const Prefix& balancer : patient_.config.balancers) {
            if (!end.outer.contains(balancer.address.family())) continue;
            for (const std::uint8_t protocol : outer_protocols(end))
                for (const Prefix& own : own_addresses(balancer))
                    need({.what = fmt::format(
                              "{} from {}",
                              end.port != 0 ? fmt::format("{}/udp", end.port) : common::protocol_name(protocol),
                              balancer.to_string()),
                          .direction = IpsecDirection::in,
                          .packets = {.source = balancer,
                                      .destination = own,
                                      .protocol = protocol,
                                      .destination_port = end.port}});
        }
    }

    /// The addresses of the devices through which the balancer is reached.
    [[nodiscard]] std::vector<Prefix> own_addresses(const Prefix& balancer) const {
        std::vector<Prefix> own;
        const auto [first, last] = seen_.balancers.equal_range(balancer);
        for (const auto& [device, prefix] : seen_.addresses)
            if (prefix.address.family() == balancer.address.family() && !prefix.address.is_link_local() &&
                std::any_of(first, last, [&](const auto& way) { return way.second.device == device; }))
                own.push_back(Prefix::host(prefix.address));
        return own;
    }

    /// The first policy that selects all of the packets in question decides.
    void need(const Needed& needed) {
        ++diagnosis_.checked;
        std::vector<IpsecSelector> allowed;
        const auto is_allowed = [&](const IpsecSelector& part) {
            return std::ranges::any_of(allowed, [&](const auto& all) { return common_part(all, part) == part; });
        };
        for (const IpsecPolicy& policy : seen_.ipsec) {
            if (policy.direction != needed.direction || policy.mark != 0 || policy.xfrm_interface != 0) continue;
            const auto part = common_part(policy.selector, needed.packets);
            if (!part) continue;
            if (!policy.blocks)
                allowed.push_back(policy.selector);
            else if (!is_allowed(*part) && has_all_clients(*part, needed))
                return report(policy, needed.what);
        }
        const auto& defaults = seen_.ipsec_defaults;
        const bool is_in = needed.direction == IpsecDirection::in;
        if ((is_in ? defaults.in_blocked : defaults.out_blocked) && !is_allowed(needed.packets))
            report_default(is_in ? "in" : "out", needed.what);
    }

    /// To block some clients may be what the administrator wants.
    static bool has_all_clients(const IpsecSelector& packets, const Needed& needed) {
        if (!needed.clients) return true;
        const Prefix& dropped = needed.direction == IpsecDirection::in ? packets.source : packets.destination;
        if (needed.clients->empty()) return dropped.length == 0;
        return std::ranges::all_of(*needed.clients, [&](const IpAddress& one) { return dropped.contains(one); });
    }

    void report(const IpsecPolicy& policy, const std::string& what) {
        const std::string_view direction = policy.direction == IpsecDirection::in ? "in" : "out";
        const IpsecSelector& selector = policy.selector;
        add(fmt::format("ip xfrm policy delete dir {} index {}", direction, policy.index),
            fmt::format("ip xfrm policy: src {} dst {} dir {} action block", selector.source.to_string(),
                        selector.destination.to_string(), direction),
            what);
    }

    void report_default(std::string_view direction, const std::string& what) {
        add(fmt::format("ip xfrm policy setdefault {} accept", direction),
            fmt::format("ip xfrm policy getdefault: {}: block", direction), what);
    }

    void add(const std::string& cure, const std::string& evidence, const std::string& what) {
        Finding& finding =
            findings_
                .try_emplace(cure, Finding{.name = "ipsec_blocks", .cause = {}, .evidence = {evidence}, .cure = {cure}})
                .first->second;
        if (finding.cause.find(what) != std::string::npos) return;
        finding.cause = finding.cause.empty() ? "a policy of IPsec drops " + what : finding.cause + ", " + what;
    }

    const Patient& patient_;
    const Environment& seen_;
    Diagnosis& diagnosis_;
    std::map<std::string, Finding> findings_;  // by their cures
};

}  // namespace

void check_ipsec(const Patient& patient, Diagnosis& diagnosis) { Blocked(patient, diagnosis).examine(); }

}  // namespace culvert::realserver
