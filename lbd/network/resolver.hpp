// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/fd.hpp"
#include "lbd/model/surroundings.hpp"
#include "lbd/network/kept_neighbours.hpp"
#include "lbd/network/tables.hpp"
#include "lbd/network/ways.hpp"
#include "lbd/path_mtu/reports.hpp"
#include "netlink/monitor.hpp"
#include "netlink/result.hpp"
#include "netlink/socket.hpp"

namespace culvert::lbd {

/// Knows the way to each backend and follows its changes: it listens to the kernel and to routers, looks up routes, and
/// lets the kernel resolve the neighbours on the way and keep them so.
class Resolver {
  public:
    using Clock = Tables::Clock;

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
    void follow(const Services::Shared& service) { ways_.follow(service); }
    void forget(const Services::Shared& service) { ways_.forget(service); }
    /// What the program has in front of packets is then known, which routers quote. From the next update on.
    void set_flow_key(const FlowKey& key) { ways_.set_flow_key(key); }
    /// The way to each as of now. Neighbours on the way that are not resolved are being resolved: that ends in an
    /// event.
    [[nodiscard]] Hops update();
    /// The ways to all that are followed but for MAC addresses: asks and keeps nothing.
    [[nodiscard]] Hops ways_out() { return ways_.ways_out(network(), lookup()); }
    /// Removes the neighbour entries that the kernel keeps for us.
    void release();
    /// The same, but for those that it keeps for another one, too.
    void release_all_but(const Resolver& other);

    [[nodiscard]] const Tables& tables() const { return tables_; }
    [[nodiscard]] const Network& network() const { return tables_.network(); }
    [[nodiscard]] const Ways& ways() const { return ways_; }
    /// What keeps the next hop to a backend that can't be reached unknown, and the cure; empty if nothing is known to.
    [[nodiscard]] std::string why_unresolved(const IpAddress& backend) const;

  private:
    Resolver(netlink::Monitor monitor, netlink::Socket socket, Reports reports, Tables tables)
        : monitor_(std::move(monitor)),
          socket_(std::move(socket)),
          reports_(std::move(reports)),
          tables_(std::move(tables)) {}

    [[nodiscard]] netlink::Result<> listen();
    [[nodiscard]] netlink::Result<> load();
    [[nodiscard]] netlink::Result<> load_addresses();
    [[nodiscard]] netlink::Result<bool> take_events();
    [[nodiscard]] netlink::Result<Effect> take(const netlink::Event& event);
    /// True if paths are narrower or wider than they were known to be.
    bool take_path_mtus();
    [[nodiscard]] Ways::Lookup lookup();

    netlink::Monitor monitor_;
    netlink::Socket socket_;
    Reports reports_;
    common::Fd poll_;  // for what tells of changes
    Tables tables_;
    Ways ways_;
    KeptNeighbours kept_;
    bool has_missed_events_ = false;
};

}  // namespace culvert::lbd
