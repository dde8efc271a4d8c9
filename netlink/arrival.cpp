// SPDX-License-Identifier: Apache-2.0
#include "netlink/arrival.hpp"

#include <linux/rtnetlink.h>

#include <utility>

namespace culvert::netlink {

Result<Route> route_of_arrival(Socket& route, const Arrival& packet) {
    Message message(RTM_GETROUTE, 0,
                    rtmsg{.rtm_family = static_cast<std::uint8_t>(af(packet.destination.family())),
                          .rtm_dst_len = packet.destination.bits(),
                          .rtm_src_len = packet.source.bits()});
    message.address(RTA_DST, packet.destination).address(RTA_SRC, packet.source).u32(RTA_IIF, packet.link);
    if (packet.ip_protocol != 0) message.u8(RTA_IP_PROTO, packet.ip_protocol);
    if (packet.destination_port != 0) message.be16(RTA_DPORT, packet.destination_port);
    return route.query(std::move(message), "look up route to", packet.destination.to_string(), decode_route);
}

}  // namespace culvert::netlink
