// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netlink/socket.h>

#include <functional>
#include <vector>

#include "netlink/datagram.hpp"
#include "netlink/handle.hpp"
#include "netlink/result.hpp"

namespace culvert::netlink {

/// A socket on which the kernel tells what changes in the network namespace in which it was opened.
class EventSocket {
  public:
    /// `protocol`: NETLINK_ROUTE, NETLINK_NETFILTER; `groups`: RTNLGRP_*, NFNLGRP_*.
    [[nodiscard]] static Result<EventSocket> open(int protocol, const std::vector<int>& groups);

    /// Non-blocking; readable when there is something to read().
    [[nodiscard]] int fd() const;
    /// Hands over what has come so far, and says how often the kernel had to drop messages meanwhile.
    [[nodiscard]] Result<int> read(const std::function<void(const RawMessage&)>& on_message);

  private:
    explicit EventSocket(Handle<nl_sock, nl_socket_free> socket);

    Handle<nl_sock, nl_socket_free> socket_;
    std::vector<std::byte> buffer_;
};

}  // namespace culvert::netlink
