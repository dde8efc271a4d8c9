// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/if.h>

#include "netlink/link.hpp"

namespace culvert::lbd {

/// An interface that is up and has a carrier.
inline netlink::Link eth0_at(std::uint32_t index) {
    netlink::Link link;
    link.index = index;
    link.name = "eth0";
    link.flags = IFF_UP | IFF_LOWER_UP;
    link.mtu = 1500;
    link.mac = netlink::MacAddress::parse("02:00:00:00:00:01");
    return link;
}

}  // namespace culvert::lbd
