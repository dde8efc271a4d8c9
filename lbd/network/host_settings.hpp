// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lbd/network/next_hop.hpp"

namespace culvert::lbd {

/// The kernel's parameters that say whose word about routes an interface takes.
struct RedirectSettings {
    bool all = false;        ///< net.ipv4.conf.all.accept_redirects
    bool device = false;     ///< net.ipv4.conf.<device>.accept_redirects
    bool forwards = false;   ///< net.ipv4.conf.<device>.forwarding
    bool device6 = false;    ///< net.ipv6.conf.<device>.accept_redirects
    bool forwards6 = false;  ///< net.ipv6.conf.<device>.forwarding

    bool operator==(const RedirectSettings&) const = default;

    /// What counts: for a host that forwards both of IPv4 have to say so, for another one either
    /// (IN_DEV_RX_REDIRECTS in include/linux/inetdevice.h); IPv6 takes none where it forwards (rt6_do_redirect in
    /// net/ipv6/route.c).
    [[nodiscard]] bool accepts4() const { return forwards ? all && device : all || device; }
    [[nodiscard]] bool accepts6() const { return device6 && !forwards6; }
    /// The parameters that let them in, as sysctl(8) writes them with the value that shuts them out:
    /// "net.ipv4.conf.all.accept_redirects=0".
    [[nodiscard]] std::vector<std::string> cures(const std::string& device_name) const;
};

/// Of the interfaces by which frames leave, as they are now.
[[nodiscard]] std::map<std::string, RedirectSettings> redirects(const Network& network);

/// As they are now. What can't be read, as IPv6's on a host without, accepts nothing.
[[nodiscard]] RedirectSettings read_redirect_settings(const std::string& device);

/// The kernel was not started with ipv6.disable=1; single devices may do without.
[[nodiscard]] bool kernel_has_ipv6();

}  // namespace culvert::lbd
