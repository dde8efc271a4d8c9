// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "netlink/attributes.hpp"

namespace culvert::netlink {

/// Settings below net.ipv4.conf whose changes the kernel reports (RTM_NEWNETCONF). It reports no others: arp_ignore and
/// arp_announce change silently.
struct DeviceConf {
    std::int32_t link = 0;                  ///< index; -1: "all", -2: "default" (linux/netconf.h)
    std::optional<std::int32_t> rp_filter;  ///< if reported

    bool operator==(const DeviceConf&) const = default;
};

/// From RTM_NEWNETCONF; nothing if it is malformed or not IPv4.
[[nodiscard]] std::optional<DeviceConf> decode_device_conf(Bytes message);

}  // namespace culvert::netlink
