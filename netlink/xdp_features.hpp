// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "netlink/attributes.hpp"
#include "netlink/result.hpp"
#include "netlink/socket.hpp"

namespace culvert::netlink {

/// The XDP features of a device's driver (include/uapi/linux/netdev.h, enum netdev_xdp_act). Some drivers transmit only
/// while they have a program of their own.
struct XdpFeatures {
    bool native = false;     ///< runs programs, which may return XDP_DROP, XDP_PASS and XDP_TX
    bool redirects = false;  ///< its programs may return XDP_REDIRECT
    bool transmits = false;  ///< others may redirect to it

    bool operator==(const XdpFeatures&) const = default;
};

/// From one answer of generic netlink family "netdev"; nothing if it is malformed.
[[nodiscard]] std::optional<XdpFeatures> decode_xdp_features(Bytes message);

/// `generic`: NETLINK_GENERIC. ENOENT if the kernel (before 6.3) doesn't support it, ENODEV if there is no such device.
[[nodiscard]] Result<XdpFeatures> xdp_features(Socket& generic, std::uint32_t ifindex);

}  // namespace culvert::netlink
