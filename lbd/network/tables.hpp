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

/// What an event may have changed, beyond the tables themselves.
enum class Effect : std::uint8_t {
    nothing,
    ways,    ///< to backends
    routes,  ///< these, and the routes that they take
    all,     ///< what is in the tables is no more; only a load() brings it up to date
};

/// What the kernel has of the balancer's surroundings, from its lists and its events. Values only; times are passed in.
class Tables {
  public:
    using Clock = std::chrono::steady_clock;

    /// `interfaces`: the names of those to balance on.
    explicit Tables(std::vector<std::string> interfaces) : interfaces_(std::move(interfaces)) {}

    /// All that events would have told.
    void load(const std::vector<netlink::Link>& links, const std::vector<netlink::Neighbour>& neighbours,
              Clock::time_point now);
    /// All IPv6 addresses.
    void load_addresses(const std::vector<netlink::InterfaceAddress>& addresses);

    [[nodiscard]] Effect take(const netlink::LinkChanged& event);
    Effect take(const netlink::NeighbourChanged& event, Clock::time_point now);

    [[nodiscard]] const Network& network() const { return network_; }
    /// Of the interfaces, those that are waited for.
    [[nodiscard]] std::vector<std::string> missing() const;
    /// Since when the neighbour has had its MAC address, or none that can be used. Nothing if it is not in the table.
    [[nodiscard]] std::optional<Clock::time_point> since(const NeighbourKey& key) const;

  private:
    [[nodiscard]] bool is_port(const netlink::Link& link) const;
    /// True if what is stacked on ports may have another MAC address.
    bool take_mac(const netlink::LinkChanged& event);

    std::vector<std::string> interfaces_;
    Network network_;
    std::map<NeighbourKey, Clock::time_point> since_;
};

[[nodiscard]] NeighbourKey key_of(const netlink::Neighbour& neighbour);

/// Duplicate address detection (RFC 4862, section 5.4) has found nobody.
[[nodiscard]] bool is_settled(const netlink::InterfaceAddress& address);

/// Whether frames may leave by a VLAN device on a port.
[[nodiscard]] bool has_vlans(const Network& network);

}  // namespace culvert::lbd
