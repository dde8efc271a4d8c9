// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "common/fd.hpp"
#include "netlink/address.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Has the kernel learn path MTUs from routers' ICMP errors about what XDP has sent: it heeds those alone that concern a
/// socket. So there is a raw socket for each protocol of outer headers, which receives nothing but errors.
class PathMtuSockets {
  public:
    /// EPERM without CAP_NET_RAW.
    [[nodiscard]] static netlink::Result<PathMtuSockets> open();

    /// Readable when there is something to read().
    [[nodiscard]] int fd() const { return poll_.get(); }
    /// To whom paths have turned out to be narrower. The kernel's routes say how narrow.
    [[nodiscard]] std::vector<netlink::IpAddress> read();

  private:
    explicit PathMtuSockets(common::Fd poll) : poll_(std::move(poll)) {}

    common::Fd poll_;
    std::vector<common::Fd> sockets_;
};

}  // namespace culvert::lbd
