// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "common/fd.hpp"
#include "lbd/health/own_sockets.hpp"
#include "netlink/address.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// A socket of the checker's own that connects to an address and does not block. `type`: SOCK_STREAM or SOCK_DGRAM; a
/// stream is reset when it is closed, so that no port waits for the end of its TIME_WAIT.
[[nodiscard]] netlink::Result<common::Fd> connect_to(const OwnSockets& own, int type, const netlink::IpAddress& address,
                                                     std::uint16_t port);

/// A raw socket (it takes CAP_NET_RAW) that hears of this address alone.
[[nodiscard]] netlink::Result<common::Fd> connect_raw(const OwnSockets& own, int protocol,
                                                      const netlink::IpAddress& address);

/// The address that a socket is bound to.
[[nodiscard]] netlink::IpAddress source_of(int socket);

/// Why a connection failed, empty if it didn't.
[[nodiscard]] std::string connection_error(int socket);

/// "connection refused"
[[nodiscard]] std::string error_text(int code);

}  // namespace culvert::lbd
