// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lbd/datapath/datapath.hpp"
#include "lbd/next_hop/next_hop.hpp"
#include "lbd/next_hop/path_mtu.hpp"
#include "netlink/monitor.hpp"
#include "netlink/result.hpp"
#include "netlink/socket.hpp"

namespace culvert::lbd {

/// Knows the way to each backend and follows its changes: it looks up routes, lets the kernel resolve the neighbours on
/// the way and keep them so (packets that XDP sends refresh no entry of the kernel's), and listens to what changes.
class Resolver {
  public:
    using Clock = std::chrono::steady_clock;

    /// EINVAL if one of the interfaces is not Ethernet, or a member of a bond. One that does not exist, or goes later,
    /// is waited for: the next of its name is the one.
    [[nodiscard]] static netlink::Result<Resolver> open(const std::vector<std::string>& interfaces);

    /// Of now.
    [[nodiscard]] netlink::Result<Surroundings> surroundings();

    /// Readable when there is something to read().
    [[nodiscard]] int fd() const { return poll_.get(); }
    /// Takes in what the kernel has reported. True if a hop may have changed: time to update().
    [[nodiscard]] netlink::Result<bool> read();
    /// Whom to know the way to from the next update on: each until it is forgotten as often as it was followed.
    void follow(const IpAddress& backend) { ++backends_[backend]; }
    void forget(const IpAddress& backend);
    /// The way to each as of now. Neighbours on the way that are not resolved are being resolved: that ends in an
    /// event.
    [[nodiscard]] Hops update();
    /// Removes the neighbour entries that the kernel keeps for us.
    void release();

    [[nodiscard]] const Network& network() const { return network_; }
    /// Of the interfaces, those that are waited for.
    [[nodiscard]] std::vector<std::string> missing() const;
    /// Whose MAC address frames for the backend take, if they leave by a port.
    [[nodiscard]] std::optional<NeighbourKey> neighbour_of(const IpAddress& backend) const;
    /// Since when the neighbour has had its MAC address, or none that can be used. Nothing if it is not in the table.
    [[nodiscard]] std::optional<Clock::time_point> since(const NeighbourKey& key) const;

  private:
    Resolver(netlink::Monitor monitor, netlink::Socket socket, std::vector<std::string> interfaces)
        : monitor_(std::move(monitor)), socket_(std::move(socket)), interfaces_(std::move(interfaces)) {}

    [[nodiscard]] netlink::Result<> listen();
    [[nodiscard]] netlink::Result<> load();
    /// True if routes may lead by other MTUs.
    bool take_path_mtus();
    [[nodiscard]] netlink::Result<bool> take(const netlink::LinkChanged& event);
    /// True if what is stacked on ports may have another MAC address.
    bool take_mac(const netlink::LinkChanged& event);
    bool take(const netlink::NeighbourChanged& event);
    bool take(const netlink::RouteChanged& event);
    /// To those backends whose routes are not known.
    void look_up_routes();
    void keep_resolved(const std::set<NeighbourKey>& wanted);
    [[nodiscard]] bool is_port(const netlink::Link& link) const;
    [[nodiscard]] bool is_static(const NeighbourKey& key) const;

    netlink::Monitor monitor_;
    netlink::Socket socket_;
    std::vector<std::string> interfaces_;      // to balance on, by name
    std::optional<PathMtuSockets> path_mtus_;  // none: they are not learnt
    common::Fd aging_;                         // a timer: the kernel forgets path MTUs without a word
    common::Fd poll_;                          // for all of these
    Network network_;
    std::map<NeighbourKey, Clock::time_point> since_;
    std::map<IpAddress, std::size_t> backends_;  // and how often each is followed
    std::map<IpAddress, std::optional<netlink::Route>> routes_;
    bool routes_are_stale_ = true;
    std::set<NeighbourKey> managed_;
    std::string complaint_;  // the last one, not to be repeated
};

}  // namespace culvert::lbd
