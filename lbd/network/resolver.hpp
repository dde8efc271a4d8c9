// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lbd/model/surroundings.hpp"
#include "lbd/network/host_settings.hpp"
#include "lbd/network/next_hop.hpp"
#include "lbd/path_mtu/icmp_sockets.hpp"
#include "lbd/path_mtu/path_mtus.hpp"
#include "lbd/path_mtu/sent.hpp"
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
    /// Takes in what the kernel has reported. True if a hop may have changed: time to update(). After a failure it is
    /// to be called again, whether there is something to read or not: then it asks for all.
    [[nodiscard]] netlink::Result<bool> read();
    /// Whose backends to know the way to from the next update on: each until it is forgotten as often as it was
    /// followed.
    void follow(const Services::Shared& service) { sent_.add(service); }
    void forget(const Services::Shared& service);
    [[nodiscard]] bool follows(const IpAddress& backend) const { return sent_.backends().contains(backend); }
    /// What the program has in front of packets is then known, which routers quote. From the next update on.
    void set_flow_key(const FlowKey& key) { flow_key_ = key; }
    /// The way to each as of now. Neighbours on the way that are not resolved are being resolved: that ends in an
    /// event.
    [[nodiscard]] Hops update();
    /// Of the interfaces by which frames leave, as they are now.
    [[nodiscard]] std::map<std::string, RedirectSettings> redirects() const;
    /// Says in the log what of this host's settings is a risk.
    void warn() const;
    /// The ways to all that are followed but for MAC addresses: asks and keeps nothing.
    [[nodiscard]] Hops ways_out();
    /// Removes the neighbour entries that the kernel keeps for us.
    void release();
    /// The same, but for those that it keeps for another one, too.
    void release_all_but(const Resolver& other);

    [[nodiscard]] const Network& network() const { return network_; }
    /// Of the interfaces, those that are waited for.
    [[nodiscard]] std::vector<std::string> missing() const;
    /// Whose MAC address frames for the backend take, if they leave by a port.
    [[nodiscard]] std::optional<NeighbourKey> neighbour_of(const IpAddress& backend) const;
    [[nodiscard]] const PathMtus& path_mtus() const { return path_mtus_; }
    /// What keeps the next hop to a backend that can't be reached unknown, and the cure; empty if nothing is known to.
    [[nodiscard]] std::string why_unresolved(const IpAddress& backend) const;
    /// Since when the neighbour has had its MAC address, or none that can be used. Nothing if it is not in the table.
    [[nodiscard]] std::optional<Clock::time_point> since(const NeighbourKey& key) const;

  private:
    Resolver(netlink::Monitor monitor, netlink::Socket socket, std::vector<std::string> interfaces)
        : monitor_(std::move(monitor)), socket_(std::move(socket)), interfaces_(std::move(interfaces)) {}

    [[nodiscard]] netlink::Result<> listen();
    [[nodiscard]] netlink::Result<> load();
    [[nodiscard]] netlink::Result<> load_addresses();
    [[nodiscard]] netlink::Result<bool> take_events();
    /// True if paths are narrower or wider than they were known to be.
    bool take_path_mtus();
    [[nodiscard]] bool take(const Quotation& quotation);
    [[nodiscard]] tl::expected<bool, Doubt> judge(const Quotation& quotation);
    [[nodiscard]] netlink::Result<bool> take(const netlink::LinkChanged& event);
    /// True if what is stacked on ports may have another MAC address.
    bool take_mac(const netlink::LinkChanged& event);
    bool take(const netlink::NeighbourChanged& event);
    bool take(const netlink::RouteChanged& event);
    void complete(const IpAddress& backend, NextHop& hop) const;
    /// To those backends whose routes are not known.
    void look_up_routes();
    void keep_resolved(const std::set<NeighbourKey>& wanted);
    [[nodiscard]] bool is_port(const netlink::Link& link) const;
    [[nodiscard]] bool is_static(const NeighbourKey& key) const;

    netlink::Monitor monitor_;
    netlink::Socket socket_;
    std::vector<std::string> interfaces_;  // to balance on, by name
    std::optional<IcmpSockets> icmp_;      // none: path MTUs are not learnt
    common::Fd aging_;                     // a timer, for these
    common::Fd poll_;                      // for all of these
    PathMtus path_mtus_;
    FlowKey flow_key_;
    Network network_;
    std::map<NeighbourKey, Clock::time_point> since_;
    Sent sent_;  // to the backends that are followed
    std::map<IpAddress, std::optional<netlink::Route>> routes_;
    Hops hops_;  // of the last update
    bool routes_are_stale_ = true;
    bool has_missed_events_ = false;
    std::set<NeighbourKey> managed_;
};

}  // namespace culvert::lbd
