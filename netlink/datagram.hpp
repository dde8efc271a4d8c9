// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <span>
#include <vector>

#include <tl/expected.hpp>

#include "netlink/attributes.hpp"

namespace culvert::netlink {

/// Larger than any datagram of the kernel: dumps have at most 32 KiB.
inline constexpr std::size_t max_datagram = std::size_t{64} * 1024;

/// Makes room for `bytes` of unread messages, beyond net.core.rmem_max if privileged.
void set_receive_buffer(int fd, int bytes);

/// The next datagram from the kernel (and no other process), in `buffer`, or errno. ENOBUFS: the kernel had to drop
/// messages; EAGAIN: there are none; EMSGSIZE: `buffer` was too small.
[[nodiscard]] tl::expected<Bytes, int> receive(int fd, std::span<std::byte> buffer);

/// One whole message and the fields of its header.
struct RawMessage {
    nlmsghdr header{};
    Bytes bytes;
};

/// The messages of a datagram. A malformed message ends it.
[[nodiscard]] std::vector<RawMessage> split(Bytes datagram);

}  // namespace culvert::netlink
