// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "common/fd.hpp"
#include "lbd/model/endpoint.hpp"
#include "netlink/address.hpp"
#include "netlink/result.hpp"

/// Sockets of the cluster. None of them blocks.
namespace culvert::lbd {

/// Connects. `from`: the local address, if it is of the same family.
[[nodiscard]] netlink::Result<common::Fd> connecting_socket(const std::optional<netlink::IpAddress>& from,
                                                            const Endpoint& to);
/// Listens, also at an address that this host does not have yet. `::` is for both families.
[[nodiscard]] netlink::Result<common::Fd> listening_socket(const Endpoint& at);
/// The next connection to a listening socket; not open if there is none. An error tells that the host lacks something.
[[nodiscard]] netlink::Result<common::Fd> next_connection(int listening);

[[nodiscard]] netlink::IpAddress local_address(int socket);
[[nodiscard]] netlink::IpAddress remote_address(int socket);

/// Whether this host has the address.
[[nodiscard]] bool is_own(const netlink::IpAddress& address);

}  // namespace culvert::lbd
