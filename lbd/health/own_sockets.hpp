// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "netlink/address.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Marks sockets as the checker's own. Their packets have a queue and ports of their own.
class OwnSockets {
  public:
    /// `cookies`: the map own_sockets of bpf/probe.bpf.c. It must outlive this.
    explicit OwnSockets(int cookies) : cookies_(cookies) {}

    /// Sets up a new socket of this family. It sends and receives only by the probes' device, whatever routes and rules
    /// exist. Its address and port cannot be foreseen or used up by others. EADDRNOTAVAIL if the device has lost its
    /// addresses, ENODEV if there is no device.
    [[nodiscard]] netlink::Result<> admit(int socket, netlink::Family family) const;

  private:
    int cookies_;
};

}  // namespace culvert::lbd
