// SPDX-License-Identifier: Apache-2.0
#include "netlink/device_conf.hpp"

#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace culvert::netlink {

std::optional<DeviceConf> decode_device_conf(Bytes message) {
    const auto parsed = parse<netconfmsg>(message);
    if (!parsed || parsed->message.nlmsg_type != RTM_NEWNETCONF || parsed->header.ncm_family != AF_INET)
        return std::nullopt;
    const auto link = parsed->attributes.u32(NETCONFA_IFINDEX);
    if (!link) return std::nullopt;
    DeviceConf conf{.link = static_cast<std::int32_t>(*link)};
    if (const auto value = parsed->attributes.u32(NETCONFA_RP_FILTER))
        conf.rp_filter = static_cast<std::int32_t>(*value);
    return conf;
}

}  // namespace culvert::netlink
