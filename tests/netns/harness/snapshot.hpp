// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tests/netns/harness/host.hpp"

namespace culvert::netns {

/// The network configuration of a host as text that is equal when the configuration is: links, addresses, routes of all
/// tables, rules, FOU ports, nftables (without handles and counts), and all of net.ipv4.conf and net.ipv6.conf. A
/// module that gets loaded between two snapshots brings devices: load it before the first.
[[nodiscard]] std::string snapshot(const Host& host);

/// Listens to what changes in a host: `ip monitor` (links, addresses, routes, rules, netconf) and `nft monitor`.
class Monitor {
  public:
    /// Listens when the constructor returns.
    explicit Monitor(const Host& host);

    /// Everything reported since; empty if nothing changed. Makes a change of its own and waits for its report, so that
    /// silence proves something.
    [[nodiscard]] std::string events();

  private:
    const Host& host_;
    Process ip_;
    Process nft_;
};

}  // namespace culvert::netns
