// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netlink/socket.h>

#include <functional>
#include <vector>

#include "netlink/datagram.hpp"
#include "netlink/handle.hpp"
#include "netlink/result.hpp"

namespace culvert::netlink {

/// A socket that receives the kernel's reports of changes in the network namespace in which it was opened.
class EventSocket {
  public:
    /// `protocol`: NETLINK_ROUTE, NETLINK_NETFILTER; `groups`: RTNLGRP_*, NFNLGRP_*.
    [[nodiscard]] static Result<EventSocket> open(int protocol, const std::vector<int>& groups);

    /// Non-blocking; readable if there is something to read().
    [[nodiscard]] int fd() const;
    /// Passes on all messages received so far. Returns how often the kernel had to drop messages meanwhile.
    [[nodiscard]] Result<int> read(const std::function<void(const RawMessage&)>& on_message);

  private:
    explicit EventSocket(Handle<nl_sock, nl_socket_free> socket);

    Handle<nl_sock, nl_socket_free> socket_;
    std::vector<std::byte> buffer_;
};

}  // namespace culvert::netlink
