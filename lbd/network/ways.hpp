// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lbd/model/services.hpp"
#include "lbd/network/next_hop.hpp"
#include "lbd/path_mtu/path_mtus.hpp"
#include "lbd/path_mtu/sent.hpp"
#include "netlink/route.hpp"

namespace culvert::lbd {

/// The next hops of the followed services' backends: route, neighbour, and reported path MTU. Values only; times and
/// the kernel's answers are passed in.
class Ways {
  public:
    using Clock = PathMtus::Clock;
    /// The kernel's route to an address; nothing if there is none.
    using Lookup = std::function<std::optional<netlink::Route>(const IpAddress&)>;

    /// A backend is followed until forget() was called for it as often as follow().
    void follow(const Services::Shared& service) { sent_.add(service); }
    void forget(const Services::Shared& service);
    [[nodiscard]] bool follows(const IpAddress& backend) const { return sent_.backends().contains(backend); }
    /// Whether a followed backend is within the prefix.
    [[nodiscard]] bool lead_into(const netlink::Prefix& prefix) const;
    void set_flow_key(const FlowKey& key) { flow_key_ = key; }

    /// All routes are looked up again at the next update.
    void doubt_routes() { routes_are_stale_ = true; }
    /// The next hops as of now. Only unknown routes are looked up.
    [[nodiscard]] Hops update(const Network& network, const Lookup& lookup);
    /// The next hops without MAC addresses. Nothing is stored but the routes.
    [[nodiscard]] Hops ways_out(const Network& network, const Lookup& lookup);

    /// The neighbour that frames for the backend are sent to, if they leave by a port.
    [[nodiscard]] std::optional<NeighbourKey> neighbour_of(const IpAddress& backend, const Network& network) const;
    /// The neighbours on the way to all backends.
    [[nodiscard]] std::set<NeighbourKey> neighbours(const Network& network) const;
    /// Why the next hop of an unreachable backend is unknown, and the cure. Empty if no reason is known.
    [[nodiscard]] std::string why_unresolved(const IpAddress& backend, const Network& network) const;

    [[nodiscard]] const PathMtus& path_mtus() const { return path_mtus_; }
    /// Handles a router's report. Returns the new path MTU if the report is believed and the path is narrower than was
    /// known; otherwise nothing.
    [[nodiscard]] const PathMtus::Learned* hear(const Quotation& quotation, Clock::time_point now);
    /// Forgets reports that have expired, and returns their backends.
    [[nodiscard]] std::vector<IpAddress> expire(Clock::time_point now) { return path_mtus_.expire(now); }

  private:
    void look_up_routes(const Lookup& lookup);
    void complete(const IpAddress& backend, NextHop& hop) const;
    [[nodiscard]] tl::expected<bool, Doubt> judge(const Quotation& quotation, Clock::time_point now);

    Sent sent_;  // what is sent to the followed backends
    FlowKey flow_key_;
    PathMtus path_mtus_;
    std::map<IpAddress, std::optional<netlink::Route>> routes_;
    Hops hops_;  // result of the last update
    bool routes_are_stale_ = true;
};

}  // namespace culvert::lbd
