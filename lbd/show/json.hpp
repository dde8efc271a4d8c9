// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "lbd/model/status.hpp"
#include "lbd/model/view.hpp"

/// `lbd show`: the status as JSON. text.hpp prints it as a table. Keys are stable; keys without a value are left out.
///
///     services    name, vip, ports [], table (entries), sticky, packets, bytes, new_flows, live_flows, closing_flows,
///                 backends []: name, reachable; if it is checked: health (unknown | up | down)
///     backends    service, name, address, encap {type, and its parameters}, state (active | drain | sorry),
///                 weight, share (of the table, 0 to 1), interface, vlans [] (ids, if tagged), mac, source, mtu,
///                 path_mtu (if a router reported one: router, told, expires_s), ipv6_needs_mtu (if mtu is too
///                 small) or reason, reason_text; packets, bytes, new_flows, live_flows, closing_flows; if it is
///                 checked: health (unknown | up | down), health_reason, latency_us (of the last answer), probe_address
///     flows       entries (capacity), used, services []: name, vip, ports [], idle_ms, backends []: name, address,
///     live_flows, closing_flows neighbours  address, interface, mac, state, age_s (of the MAC address or of its
///     absence), managed, backends []:
///                 address, mtu (of the path, if there is one)
///     interfaces  name, index, mac, mtu, up, carrier; if it is balanced on: xdp (native | generic); if it is a VLAN
///                 device that leads to one: vlan, vlan_of; if it is a member of a bond: member_of
///     counters    forwarded {packets, bytes, new_flows}, dropped []: reason, text, packets;
///                 events []: event, text, count; latency {packets (forwarded and measured), and
///                 if there are any: mean_ns, p50_ns, p99_ns (at most), histogram []: up_to_ns, packets}
///     announcements  left; if VIPs are announced: table, protocol, hold_ms, when (any | all); vips []: vip, metric,
///                 announced (the kernel has the route), state, text, age_s, wait_ms (if held), services []: name,
///                 state
///     cluster     name, version, joined, refused (connections), last_refused, peers []: address, name, version,
///                 state (away | joining | up), since_s, reason, round_trip_us, records_in, records_out, bytes_in,
///                 bytes_out, connections, queued_bytes, lag_ms, disagreements, differences []: service, key, here,
///                 there, text
///
/// Packets and bytes count clients' IP packets since lbd started. new_flows counts entries added to the flow table,
/// live_flows the entries in it, closing_flows those whose client sent FIN or RST and then nothing for ten seconds.
namespace culvert::lbd {

[[nodiscard]] nlohmann::ordered_json to_json(View view, const Status& status);

/// The same as text, made while it is read, so that no piece takes long.
class JsonText {
  public:
    JsonText(View view, Status status);

    /// The next piece with some hundred backends; empty at the end.
    [[nodiscard]] std::string next();

  private:
    View view_;
    Status status_;
    std::string head_;         // the text before the services, or all of it if there are none; empty once written
    std::string tail_;         // the text after the services
    std::size_t service_ = 0;  // the next one to write
};

}  // namespace culvert::lbd
