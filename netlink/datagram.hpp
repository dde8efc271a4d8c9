// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <span>
#include <vector>

#include <tl/expected.hpp>

#include "netlink/attributes.hpp"

namespace culvert::netlink {

/// Larger than anything that the kernel sends at once: it fills dumps into at most 32 KiB.
inline constexpr std::size_t max_datagram = std::size_t{64} * 1024;

/// Makes room for `bytes` of unread messages, beyond net.core.rmem_max if privilege allows.
void set_receive_buffer(int fd, int bytes);

/// The next datagram that the kernel (and no other process) sent, in `buffer`; or errno, among which ENOBUFS says that
/// the kernel had to drop messages, EAGAIN that there are none, and EMSGSIZE that `buffer` was too small.
[[nodiscard]] tl::expected<Bytes, int> receive(int fd, std::span<std::byte> buffer);

/// One message, whole, and what its header says.
struct RawMessage {
    nlmsghdr header{};
    Bytes bytes;
};

/// The messages of a datagram; what is malformed ends it.
[[nodiscard]] std::vector<RawMessage> split(Bytes datagram);

}  // namespace culvert::netlink
