// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "lbd/model/status.hpp"
#include "lbd/model/view.hpp"

/// `lbd show`: the status as JSON, and that as a table. Keys are stable; a value that does not exist is left out.
///
///     services    name, vip, ports [], table (entries), sticky, packets, bytes, new_flows, live_flows, closing_flows,
///                 backends []: name, reachable; if it is checked: health (unknown | up | down)
///     backends    service, name, address, encap {type, and its parameters}, state (active | drain | sorry),
///                 weight, share (of the table, 0 to 1), interface, vlans [] (ids, if tagged), mac, source, mtu,
///                 path_mtu (if a router has told of it: router, told, expires_s), ipv6_needs_mtu (if mtu is too
///                 little) or reason, reason_text; packets, bytes, new_flows, live_flows, closing_flows; if it is
///                 checked: health (unknown | up | down), health_reason, latency_us (of the last answer), probe_address
///     flows       entries (room), used, services []: name, idle_ms, backends []: name, live_flows, closing_flows
///     neighbours  address, interface, mac, state, age_s (of the MAC address, or of its lack), managed, backends []:
///                 address, mtu (of the path, if there is one)
///     interfaces  name, index, mac, mtu, up, carrier; of those that are balanced on: xdp (native | generic); of the
///                 VLAN devices that lead to them: vlan, vlan_of; of members of bonds: member_of
///     counters    forwarded {packets, bytes, new_flows}, dropped []: reason, text, packets;
///                 events []: event, text, count; latency {packets (measured, of those that were sent on), and
///                 if there are some: mean_ns, p50_ns, p99_ns (at most), histogram []: up_to_ns, packets}
///
/// Packets and bytes are those of clients' IP packets since lbd was started; new_flows counts entries made in the flow
/// table, live_flows those that are there, closing_flows those whose client sent FIN or RST and then nothing for ten
/// seconds.
namespace culvert::lbd {

[[nodiscard]] nlohmann::ordered_json to_json(View view, const Status& status);

/// The same as text, made as it is read, so that no piece takes long.
class JsonText {
  public:
    JsonText(View view, Status status);

    /// The next piece, some hundred backends; empty at the end.
    [[nodiscard]] std::string next();

  private:
    View view_;
    Status status_;
    std::string head_;         // what comes before the services, or all if there are none; empty once it is written
    std::string tail_;         // what comes after them
    std::size_t service_ = 0;  // to be written next
};

}  // namespace culvert::lbd
