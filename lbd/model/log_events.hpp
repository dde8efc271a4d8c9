// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "common/log.hpp"

namespace culvert::lbd {

/// All events that lbd logs.
inline constexpr auto log_events = std::to_array<common::LogEvent>({
    {"backend_up", "SERVICE, BACKEND", "health checks find a backend up again"},
    {"backend_down", "SERVICE, BACKEND, REASON",
     "health checks find a backend down; REASON: why the last check failed"},
    {"backend_reachable", "ADDRESS, COUNT", "the next hop of COUNT backends is known again; ADDRESS: of the first one"},
    {"backend_unreachable", "ADDRESS, COUNT, REASON",
     "the next hop of COUNT backends is unknown; ADDRESS: of the first one; REASON: a drop reason"},
    {"drained", "SERVICE, BACKEND",
     "the backend gets no new flows: lbd drain, or a drained backend has another name now"},
    {"undrained", "SERVICE, BACKEND",
     "the backend is not drained any more: lbd undrain, or it has left the configuration"},
    {"reloaded", "", "a reload succeeded"},
    {"reload_refused", "REASON",
     "a reload found an error in the configuration, and changed nothing; REASON: the error"},
    {"reload_failed", "REASON", "a reload failed, and changed nothing; REASON: the error"},
    {"reload_untidy", "", "a reload succeeded, but something that is not needed any more could not be removed"},
    {"network_not_read", "",
     "the kernel's routes, links or neighbours could not be read; what is in force stays, and lbd tries again"},
    {"not_adapted", "",
     "the program could not be adapted to a change of the host; the former stays, and lbd tries again"},
    {"not_swept", "", "idle flows could not be removed from the flow table; they stay"},
    {"not_exchanged", "", "connections could not be told to other balancers, or taken from them"},
    {"not_checked", "REASON", "a backend could not be checked because of this host; its state stays; REASON: why"},
    {"probes_not_carried", "", "packets of health checks cannot be sent or received; lbd tries again"},
    {"neighbour_refused", "", "the kernel refused to keep a neighbour resolved"},
    {"path_too_narrow", "SERVICE, BACKEND",
     "the MTU of the path to a backend leaves too little room for IPv6 packets once encapsulated"},
    {"path_mtu", "ADDRESS, MTU, ROUTER", "a router reported a smaller path MTU to the backend ADDRESS, in bytes"},
    {"path_mtu_forgotten", "ADDRESS", "a reported path MTU has expired"},
    {"announced", "VIP, REASON", "a VIP is announced: its services are up"},
    {"withdrawn", "VIP, REASON", "a VIP is not announced any more; REASON: why"},
    {"not_announced", "", "the routes of announced VIPs could not be set as planned; lbd tries again"},
    {"route_repaired", "VIP", "somebody removed or added a route of lbd's, and lbd has undone it"},
    {"key_kept", "KEY, CONFIGURED",
     "the pinned program keeps its key, although the configured one is another; KEY, CONFIGURED: their digests"},
    {"not_shared", "REASON", "the port of the cluster cannot be opened, so nothing is shared; REASON: why"},
    {"peer_up", "PEER, NAME", "another balancer of the cluster is connected; PEER: its address, NAME: its host name"},
    {"peer_down", "PEER, NAME, REASON", "the connection with another balancer has ended; REASON: why"},
    {"peer_refused", "ADDRESS, REASON", "a connection to the port of the cluster was refused; REASON: why"},
    {"peers_disagree", "PEER, SERVICE", "another balancer has had another configuration or health for half a minute"},
    {"not_joined", "PEER, REASON",
     "join_timeout is over before another balancer has said what it knows; REASON: why it is not connected"},
    {"accepts_redirects", "INTERFACE", "the host follows ICMP redirects that arrive on an interface"},
});

/// The name of an event. An unknown name does not compile.
consteval const char* log_event(std::string_view name) {
    return std::ranges::find(log_events, name, &common::LogEvent::name)->name.data();
}

}  // namespace culvert::lbd
