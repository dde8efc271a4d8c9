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

/// The ways to the backends of the services that are followed: by which route, over which neighbour, and what routers
/// say of the path. Values only; times and answers of the kernel are passed in.
class Ways {
  public:
    using Clock = PathMtus::Clock;
    /// The kernel's route to an address, or nothing if it has none.
    using Lookup = std::function<std::optional<netlink::Route>(const IpAddress&)>;

    /// Each backend until it is forgotten as often as it was followed.
    void follow(const Services::Shared& service) { sent_.add(service); }
    void forget(const Services::Shared& service);
    [[nodiscard]] bool follows(const IpAddress& backend) const { return sent_.backends().contains(backend); }
    /// Whether one of them lies there.
    [[nodiscard]] bool lead_into(const netlink::Prefix& prefix) const;
    void set_flow_key(const FlowKey& key) { flow_key_ = key; }

    /// Routes are looked up again at the next update.
    void doubt_routes() { routes_are_stale_ = true; }
    /// As of now. Only unknown routes are looked up.
    [[nodiscard]] Hops update(const Network& network, const Lookup& lookup);
    /// But for MAC addresses: nothing is kept but the routes.
    [[nodiscard]] Hops ways_out(const Network& network, const Lookup& lookup);

    /// Whose MAC address frames for the backend take, if they leave by a port.
    [[nodiscard]] std::optional<NeighbourKey> neighbour_of(const IpAddress& backend, const Network& network) const;
    /// Of all of them.
    [[nodiscard]] std::set<NeighbourKey> neighbours(const Network& network) const;
    /// What keeps the next hop to a backend that can't be reached unknown, and the cure; empty if nothing is known to.
    [[nodiscard]] std::string why_unresolved(const IpAddress& backend, const Network& network) const;

    [[nodiscard]] const PathMtus& path_mtus() const { return path_mtus_; }
    /// What a router says of a path. What is known of it then, if it is believed and the path is narrower than it was
    /// known to be; nothing otherwise.
    [[nodiscard]] const PathMtus::Learned* hear(const Quotation& quotation, Clock::time_point now);
    /// Forgets what routers have said long ago, and says of whom.
    [[nodiscard]] std::vector<IpAddress> expire(Clock::time_point now) { return path_mtus_.expire(now); }

  private:
    void look_up_routes(const Lookup& lookup);
    void complete(const IpAddress& backend, NextHop& hop) const;
    [[nodiscard]] tl::expected<bool, Doubt> judge(const Quotation& quotation, Clock::time_point now);

    Sent sent_;  // to the backends that are followed
    FlowKey flow_key_;
    PathMtus path_mtus_;
    std::map<IpAddress, std::optional<netlink::Route>> routes_;
    Hops hops_;  // of the last update
    bool routes_are_stale_ = true;
};

}  // namespace culvert::lbd
