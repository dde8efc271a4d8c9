// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <optional>
#include <variant>
#include <vector>

#include "netlink/device_conf.hpp"
#include "netlink/event_socket.hpp"
#include "netlink/ifaddr.hpp"
#include "netlink/link.hpp"
#include "netlink/neighbour.hpp"
#include "netlink/result.hpp"
#include "netlink/route.hpp"
#include "netlink/rule.hpp"

namespace culvert::netlink {

/// The kernel created or changed `value`, or removed it.
template <typename T>
struct Changed {
    T value;
    bool removed = false;

    bool operator==(const Changed&) const = default;
};

using LinkChanged = Changed<Link>;
using AddressChanged = Changed<InterfaceAddress>;
using RouteChanged = Changed<Route>;
using NeighbourChanged = Changed<Neighbour>;
using RuleChanged = Changed<Rule>;
using DeviceConfChanged = Changed<DeviceConf>;

/// Next hop objects (ip nexthop), which routes refer to, were created, changed or removed. The kernel doesn't report
/// the routes that vanished with them.
struct NextHopsChanged {
    bool operator==(const NextHopsChanged&) const = default;
};

/// Events arrived faster than they were read, and some were lost: dump everything again.
struct Overrun {
    bool operator==(const Overrun&) const = default;
};

using Event = std::variant<LinkChanged, AddressChanged, RouteChanged, NextHopsChanged, NeighbourChanged, RuleChanged,
                           DeviceConfChanged, Overrun>;

/// From one message of rtnetlink; nothing if it is malformed or none of these.
[[nodiscard]] std::optional<Event> decode_event(Bytes message);

/// What a Monitor can follow, for IPv4 and IPv6.
enum class Topic : std::uint8_t { links, addresses, routes, next_hops, neighbours, rules, device_confs };

/// Follows changes in the network namespace in which it was opened. Open it before the first dump, to miss none.
class Monitor {
  public:
    [[nodiscard]] static Result<Monitor> open(std::initializer_list<Topic> topics);

    /// Non-blocking; readable if there is something to read().
    [[nodiscard]] int fd() const { return socket_.fd(); }
    /// All events received so far; may be empty.
    [[nodiscard]] Result<std::vector<Event>> read();

  private:
    explicit Monitor(EventSocket socket) : socket_(std::move(socket)) {}

    EventSocket socket_;
};

}  // namespace culvert::netlink
