// SPDX-License-Identifier: Apache-2.0
#include "tests/netns/harness/addresses.hpp"

#include <linux/if_addr.h>

#include <sstream>

namespace culvert::netns {

std::vector<Inet6Address> inet6_addresses(const Host& host) {
    std::vector<Inet6Address> addresses;
    std::istringstream table(host.read("/proc/thread-self/net/if_inet6"));
    Inet6Address one;
    unsigned index = 0;
    unsigned length = 0;
    unsigned scope = 0;
    unsigned flags = 0;
    while (table >> one.digits >> std::hex >> index >> length >> scope >> flags >> one.device) {
        one.is_tentative = (flags & IFA_F_TENTATIVE) != 0;
        addresses.push_back(one);
    }
    return addresses;
}

}  // namespace culvert::netns
