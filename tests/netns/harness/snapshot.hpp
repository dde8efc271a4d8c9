// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tests/netns/harness/host.hpp"

namespace culvert::netns {

/// The network configuration of a host as text. The texts of equal configurations are equal: links, addresses, routes
/// of all tables, rules, FOU ports, nftables (without handles and counters), and all of net.ipv4.conf and
/// net.ipv6.conf. Loading a module between two snapshots adds devices, so load it before the first.
[[nodiscard]] std::string snapshot(const Host& host);

/// Reports changes in a host: `ip monitor` (links, addresses, routes, rules, netconf) and `nft monitor`.
class Monitor {
  public:
    /// Listens when the constructor returns.
    explicit Monitor(const Host& host);

    /// All events since then; empty if nothing changed. Makes a change of its own and waits for its event, so that an
    /// empty result is proof.
    [[nodiscard]] std::string events();

  private:
    const Host& host_;
    Process ip_;
    Process nft_;
};

}  // namespace culvert::netns
