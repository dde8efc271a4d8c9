// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/fd.hpp"
#include "lbd/model/surroundings.hpp"
#include "lbd/network/host_settings.hpp"
#include "lbd/network/kept_neighbours.hpp"
#include "lbd/network/tables.hpp"
#include "lbd/network/ways.hpp"
#include "lbd/path_mtu/reports.hpp"
#include "netlink/monitor.hpp"
#include "netlink/result.hpp"
#include "netlink/socket.hpp"

namespace culvert::lbd {

/// Knows the next hop of each backend and follows its changes. It listens to the kernel and to routers, looks up
/// routes, and has the kernel resolve the neighbours and keep them resolved.
class Resolver {
  public:
    using Clock = Tables::Clock;

    /// EINVAL if an interface is not Ethernet, or a member of a bond. If an interface does not exist or disappears, the
    /// resolver waits for another one of that name.
    [[nodiscard]] static netlink::Result<Resolver> open(const std::vector<std::string>& interfaces);

    /// The present surroundings.
    [[nodiscard]] netlink::Result<Surroundings> surroundings();

    /// Readable when there is something to read().
    [[nodiscard]] int fd() const { return poll_.get(); }
    /// Reads events of the kernel. True if a next hop may have changed; then call update(). After a failure, call it
    /// again even if there is nothing to read: it then reads all tables.
    [[nodiscard]] netlink::Result<bool> read();
    /// Reads what changes without events; call it now and then. True if a next hop may have changed.
    [[nodiscard]] bool look() { return tables_.take_ipv6_mtus(read_ipv6_mtus(network())); }
    /// Follows the backends of a service from the next update on. Each is followed until forget() was called as often
    /// as follow().
    void follow(const Services::Shared& service) { ways_.follow(service); }
    void forget(const Services::Shared& service) { ways_.forget(service); }
    /// Sets the key by which the program's outer headers are recognized in routers' reports, from the next update on.
    void set_flow_key(const FlowKey& key) { ways_.set_flow_key(key); }
    /// The next hops as of now. The kernel is asked to resolve neighbours that are unknown; their resolution causes an
    /// event.
    [[nodiscard]] Hops update();
    /// The next hops of all followed backends, without MAC addresses. Asks the kernel to resolve nothing.
    [[nodiscard]] Hops ways_out() { return ways_.ways_out(network(), lookup()); }
    /// Removes the neighbour entries that the kernel keeps for us.
    void release();
    /// Likewise, except for those that it also keeps for `other`.
    void release_all_but(const Resolver& other);

    [[nodiscard]] const Tables& tables() const { return tables_; }
    [[nodiscard]] const Network& network() const { return tables_.network(); }
    [[nodiscard]] const Ways& ways() const { return ways_; }
    /// Why the next hop of an unreachable backend is unknown, and the cure. Empty if no reason is known.
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
    /// True if known path MTUs have changed.
    bool take_path_mtus();
    [[nodiscard]] Ways::Lookup lookup();

    netlink::Monitor monitor_;
    netlink::Socket socket_;
    Reports reports_;
    common::Fd poll_;  // for all sources of changes
    Tables tables_;
    Ways ways_;
    KeptNeighbours kept_;
    bool has_missed_events_ = false;
};

}  // namespace culvert::lbd
