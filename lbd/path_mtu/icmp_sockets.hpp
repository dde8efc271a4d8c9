// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "common/fd.hpp"
#include "lbd/path_mtu/quotation.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Receives what routers say about packets that were too long. The kernel learns nothing by these sockets, which a raw
/// socket for the protocol of outer headers would have it do (raw_err() in net/ipv4/raw.c heeds any quotation of it).
class IcmpSockets {
  public:
    /// EPERM without CAP_NET_RAW. A host without IPv6 has the other one.
    [[nodiscard]] static netlink::Result<IcmpSockets> open();

    /// Readable when there is something to read().
    [[nodiscard]] int fd() const { return poll_.get(); }
    /// Some of what has come, so that a flood of it lets the rest of an event loop live.
    [[nodiscard]] std::vector<Quotation> read() const;

  private:
    IcmpSockets(common::Fd poll, common::Fd icmp4, common::Fd icmp6)
        : poll_(std::move(poll)), icmp4_(std::move(icmp4)), icmp6_(std::move(icmp6)) {}

    common::Fd poll_;
    common::Fd icmp4_;
    common::Fd icmp6_;
};

}  // namespace culvert::lbd
