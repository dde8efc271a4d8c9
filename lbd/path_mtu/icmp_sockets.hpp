// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "common/fd.hpp"
#include "lbd/path_mtu/quotation.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Receives routers' reports about packets that were too long. These sockets do not make the kernel act on the reports.
/// A raw socket for the outer protocol would: raw_err() in net/ipv4/raw.c accepts any quotation of that protocol.
class IcmpSockets {
  public:
    /// EPERM without CAP_NET_RAW. On a host without IPv6 there is only the IPv4 socket.
    [[nodiscard]] static netlink::Result<IcmpSockets> open();

    /// Readable when there is something to read().
    [[nodiscard]] int fd() const { return poll_.get(); }
    /// A limited number of the waiting reports, so that a flood of them does not block the event loop.
    [[nodiscard]] std::vector<Quotation> read() const;

  private:
    IcmpSockets(common::Fd poll, common::Fd icmp4, common::Fd icmp6)
        : poll_(std::move(poll)), icmp4_(std::move(icmp4)), icmp6_(std::move(icmp6)) {}

    common::Fd poll_;
    common::Fd icmp4_;
    common::Fd icmp6_;
};

}  // namespace culvert::lbd
