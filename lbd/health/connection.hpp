// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "common/fd.hpp"
#include "lbd/health/own_sockets.hpp"
#include "netlink/address.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// A non-blocking socket of the checker that connects to an address. `type`: SOCK_STREAM or SOCK_DGRAM. A stream is
/// reset when it is closed, so that its port does not stay in TIME_WAIT.
[[nodiscard]] netlink::Result<common::Fd> connect_to(const OwnSockets& own, int type, const netlink::IpAddress& address,
                                                     std::uint16_t port);

/// A raw socket (needs CAP_NET_RAW) that receives only from this address.
[[nodiscard]] netlink::Result<common::Fd> connect_raw(const OwnSockets& own, int protocol,
                                                      const netlink::IpAddress& address);

/// The address that a socket is bound to.
[[nodiscard]] netlink::IpAddress source_of(int socket);

/// Why a connection failed; empty if it did not.
[[nodiscard]] std::string connection_error(int socket);

/// "connection refused"
[[nodiscard]] std::string error_text(int code);

}  // namespace culvert::lbd
