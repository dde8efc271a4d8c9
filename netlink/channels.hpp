// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "netlink/attributes.hpp"
#include "netlink/result.hpp"
#include "netlink/socket.hpp"

namespace culvert::netlink {

/// A device's queues, as `ethtool -l` shows them. A combined queue receives and transmits.
struct Channels {
    std::uint32_t receive = 0;
    std::uint32_t transmit = 0;
    std::uint32_t combined = 0;
    std::uint32_t most_receive = 0;  ///< maximum
    std::uint32_t most_transmit = 0;
    std::uint32_t most_combined = 0;

    bool operator==(const Channels&) const = default;
};

/// From one ETHTOOL_MSG_CHANNELS_GET_REPLY; nothing if it is malformed.
[[nodiscard]] std::optional<Channels> decode_channels(Bytes message);

/// `generic`: NETLINK_GENERIC. EOPNOTSUPP if the driver's number of queues can't be set.
[[nodiscard]] Result<Channels> channels(Socket& generic, const std::string& device);

}  // namespace culvert::netlink
