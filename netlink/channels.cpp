// SPDX-License-Identifier: Apache-2.0
#include "netlink/channels.hpp"

#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>

#include "netlink/generic.hpp"

namespace culvert::netlink {

std::optional<Channels> decode_channels(Bytes message) {
    const auto parsed = parse<genlmsghdr>(message);
    if (!parsed || !parsed->attributes.flag(ETHTOOL_A_CHANNELS_HEADER)) return std::nullopt;
    const auto count = [&](int attribute) { return parsed->attributes.u32(attribute).value_or(0); };
    return Channels{.receive = count(ETHTOOL_A_CHANNELS_RX_COUNT),
                    .transmit = count(ETHTOOL_A_CHANNELS_TX_COUNT),
                    .combined = count(ETHTOOL_A_CHANNELS_COMBINED_COUNT),
                    .most_receive = count(ETHTOOL_A_CHANNELS_RX_MAX),
                    .most_transmit = count(ETHTOOL_A_CHANNELS_TX_MAX),
                    .most_combined = count(ETHTOOL_A_CHANNELS_COMBINED_MAX)};
}

Result<Channels> channels(Socket& generic, const std::string& device) {
    const std::string operation = "get channels of";
    TRY(const int family, generic_family(generic, ETHTOOL_GENL_NAME, operation, device));
    Message message(family, 0, genlmsghdr{.cmd = ETHTOOL_MSG_CHANNELS_GET, .version = ETHTOOL_GENL_VERSION});
    message.nest(ETHTOOL_A_CHANNELS_HEADER, [&](Message& header) { header.text(ETHTOOL_A_HEADER_DEV_NAME, device); });
    return generic.query(std::move(message), operation, device, decode_channels);
}

}  // namespace culvert::netlink
