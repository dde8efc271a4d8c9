// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lbd/network/next_hop.hpp"

namespace culvert::lbd {

/// The kernel's settings that decide whether an interface follows ICMP redirects.
struct RedirectSettings {
    bool all = false;        ///< net.ipv4.conf.all.accept_redirects
    bool device = false;     ///< net.ipv4.conf.<device>.accept_redirects
    bool forwards = false;   ///< net.ipv4.conf.<device>.forwarding
    bool device6 = false;    ///< net.ipv6.conf.<device>.accept_redirects
    bool forwards6 = false;  ///< net.ipv6.conf.<device>.forwarding

    bool operator==(const RedirectSettings&) const = default;

    /// Whether IPv4 redirects are followed. On a host that forwards, both settings must be on; otherwise either
    /// (IN_DEV_RX_REDIRECTS in include/linux/inetdevice.h). IPv6 ignores redirects where it forwards (rt6_do_redirect
    /// in net/ipv6/route.c).
    [[nodiscard]] bool accepts4() const { return forwards ? all && device : all || device; }
    [[nodiscard]] bool accepts6() const { return device6 && !forwards6; }
    /// The settings that permit redirects, with the value that forbids them, in the form of sysctl(8):
    /// "net.ipv4.conf.all.accept_redirects=0".
    [[nodiscard]] std::vector<std::string> cures(const std::string& device_name) const;
};

/// The present settings of the interfaces that frames leave by.
[[nodiscard]] std::map<std::string, RedirectSettings> redirects(const Network& network);

/// The present values of net.ipv6.conf.*.mtu of ports and VLANs, by index. The kernel reports no change of them.
[[nodiscard]] std::map<std::uint32_t, std::uint32_t> read_ipv6_mtus(const Network& network);

/// The present settings. One that cannot be read counts as off, such as those of IPv6 on a host without IPv6.
[[nodiscard]] RedirectSettings read_redirect_settings(const std::string& device);

/// False if the kernel was started with ipv6.disable=1. Single devices may still lack IPv6.
[[nodiscard]] bool kernel_has_ipv6();

}  // namespace culvert::lbd
