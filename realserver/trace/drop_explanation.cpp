// SPDX-License-Identifier: Apache-2.0
#include "realserver/trace/drop_explanation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "common/protocol.hpp"
#include "realserver/guard/ruleset.hpp"
#include "realserver/trace/drop_meanings.hpp"

namespace culvert::realserver {

namespace {

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> texts) {
    return std::ranges::find(texts, text) != texts.end();
}

/// Whether the packet still has its outer headers.
bool is_wrapped(const Packet& packet) { return !packet.encap.empty() && !packet.unwrapped; }

Explanation by_reverse_path(const Drop& drop) {
    const std::string_view device = drop.device;
    const std::string cause = fmt::format("the reverse-path filter of {}: the route to {} leads through another device",
                                          device, drop.packet.flow.source.to_string());
    if (drop.packet.unwrapped)
        return {cause,
                fmt::format("realserver apply, or sysctl -w net.ipv4.conf.{}.rp_filter=0 net.ipv4.conf.all.rp_filter=0",
                            device)};
    return {cause, fmt::format("add a route to it through {0}, or sysctl -w net.ipv4.conf.{0}.rp_filter=2", device)};
}

Explanation by_guard(const Drop& drop, const Reason& reason) {
    const Packet& packet = drop.packet;
    std::string cure = fmt::format("nft list chain inet {} {} shows the counter", table_name, reason.chain);
    if (reason.chain == stranger.chain)
        cure = fmt::format("if {} is a balancer: add it to balancers, then realserver apply",
                           (packet.outer ? *packet.outer : packet.flow).source.to_string());
    if (reason.chain == no_vip.chain)
        cure =
            fmt::format("if {} is a VIP: add it to vips, then realserver apply", packet.flow.destination.to_string());
    return {fmt::format("the guard, {}: {}", reason.chain, reason.text), cure};
}

Explanation by_socket(const Drop& drop) {
    const Packet& packet = drop.packet;
    if (is_wrapped(packet)) return {fmt::format("the kernel has no port for {}", packet.encap), "realserver apply"};
    const std::string port = packet.flow.destination_port ? fmt::format(" {}", *packet.flow.destination_port) : "";
    return {fmt::format("nothing listens on {} {}{}", packet.flow.destination.to_string(),
                        common::protocol_name(packet.flow.protocol), port),
            "start the service, on the VIP or on all addresses (ss -ltnup)"};
}

Explanation by_destination(const Drop& drop, const Config& config) {
    const IpAddress& destination = drop.packet.flow.destination;
    if (any_contains(config.vips, destination))
        return {fmt::format("the VIP {} is no address of this host", destination.to_string()), "realserver apply"};
    return {fmt::format("{} is neither an address of this host nor a VIP", destination.to_string()),
            "if it is a VIP: add it to vips, then realserver apply"};
}

Explanation by_table(const Drop& drop) {
    const auto known = meaning(drop.reason);
    if (!known) return {"a reason of this kernel that realserver does not know", ""};
    const auto filled = [&](std::string_view text) {
        return fmt::format(fmt::runtime(text), fmt::arg("device", drop.device));
    };
    return {filled(known->cause), filled(known->cure)};
}

}  // namespace

Explanation explain(const Drop& drop, const Config& config, const std::optional<Reason>& guard) {
    const std::string_view reason = drop.reason;
    const std::string_view function = drop.function;
    if (guard) return by_guard(drop, *guard);
    if (reason == netfilter_drop)
        return {"a firewall", "nft list ruleset, iptables-save -c: find the rule whose counter rises"};
    if (reason == "IP_RPFILTER") return by_reverse_path(drop);
    if (reason == "NO_SOCKET") return by_socket(drop);
    if (function.starts_with("veth_xdp")) {
        Drop by_xdp = drop;
        by_xdp.reason = "XDP";  // the kernel gives no reason
        return by_table(by_xdp);
    }
    if (reason.ends_with("_CSUM"))
        return {"a bad checksum: damaged on the way, or left to a network card that does not fill it in",
                "on the sender: try ethtool -K DEVICE tx off"};
    if (is_one_of(reason, {"IP_INADDRERRORS", "IP_INNOROUTES"}) ||
        is_one_of(function, {"ip_error", "ip_forward", "ip6_forward", "ip6_pkt_drop", "ip6_pkt_discard"}))
        return by_destination(drop, config);
    if (reason == "IP_NOPROTO" || (is_wrapped(drop.packet) && reason == "NOT_SPECIFIED"))
        return {fmt::format("no device accepts {}: the module is not loaded, or the device is down", drop.packet.encap),
                "realserver apply"};
    if (reason == "NOT_SPECIFIED" && function.starts_with("ip_rcv_finish"))
        return {fmt::format("routing refuses {} as a source", drop.packet.flow.source.to_string()),
                fmt::format("sysctl -w net.ipv4.conf.{}.log_martians=1 makes the kernel log why", drop.device)};
    if (reason == "NOT_SPECIFIED")
        return {"the kernel gives no reason; the function that dropped it is a hint", "realserver check"};
    return by_table(drop);
}

}  // namespace culvert::realserver
