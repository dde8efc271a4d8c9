// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lbd/network/next_hop.hpp"
#include "netlink/ifaddr.hpp"
#include "netlink/monitor.hpp"

namespace culvert::lbd {

/// What an event may have changed besides the tables themselves.
enum class Effect : std::uint8_t {
    nothing,
    ways,    ///< next hops
    routes,  ///< next hops and the routes to them
    all,     ///< the tables are out of date until the next load()
};

/// The kernel's state around the balancer, from its lists and events. Values only; times are passed in.
class Tables {
  public:
    using Clock = std::chrono::steady_clock;

    /// `interfaces`: names of the interfaces to balance on.
    explicit Tables(std::vector<std::string> interfaces) : interfaces_(std::move(interfaces)) {}

    /// Replaces all tables.
    void load(const std::vector<netlink::Link>& links, const std::vector<netlink::Neighbour>& neighbours,
              Clock::time_point now);
    /// All IPv6 addresses of the host.
    void load_addresses(const std::vector<netlink::InterfaceAddress>& addresses);

    /// Those of ports and VLANs, by index. True if one has changed.
    bool take_ipv6_mtus(std::map<std::uint32_t, std::uint32_t> mtus);

    [[nodiscard]] Effect take(const netlink::LinkChanged& event);
    Effect take(const netlink::NeighbourChanged& event, Clock::time_point now);

    [[nodiscard]] const Network& network() const { return network_; }
    /// The configured interfaces that do not exist.
    [[nodiscard]] std::vector<std::string> missing() const;
    /// Since when the neighbour's MAC address has been known, or has been unknown. Nothing if it has no entry.
    [[nodiscard]] std::optional<Clock::time_point> since(const NeighbourKey& key) const;

  private:
    [[nodiscard]] bool is_port(const netlink::Link& link) const;
    /// True if the MAC address of a device on a port may have changed.
    bool take_mac(const netlink::LinkChanged& event);

    std::vector<std::string> interfaces_;
    Network network_;
    std::map<NeighbourKey, Clock::time_point> since_;
};

[[nodiscard]] NeighbourKey key_of(const netlink::Neighbour& neighbour);

/// Whether duplicate address detection (RFC 4862, section 5.4) has ended well, or was not needed.
[[nodiscard]] bool is_settled(const netlink::InterfaceAddress& address);

/// Whether VLAN devices on ports may lead to backends.
[[nodiscard]] bool has_vlans(const Network& network);

}  // namespace culvert::lbd
