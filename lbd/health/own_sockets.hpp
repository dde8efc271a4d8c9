// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "netlink/address.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// What makes a socket one of the checker's own, whose packets have a queue and ports of their own.
class OwnSockets {
  public:
    /// `cookies`: the map own_sockets of bpf/probe.bpf.c, which must outlive this.
    explicit OwnSockets(int cookies) : cookies_(cookies) {}

    /// A new socket of this family: it sends and hears by the probes' device alone, whatever routes and rules say, from
    /// an address and a port that others can neither foresee nor use up. EADDRNOTAVAIL if the device has lost its
    /// addresses, ENODEV if there is none.
    [[nodiscard]] netlink::Result<> admit(int socket, netlink::Family family) const;

  private:
    int cookies_;
};

}  // namespace culvert::lbd
