// SPDX-License-Identifier: Apache-2.0
#include "common/protocol.hpp"

#include <netinet/in.h>

namespace culvert::common {

std::string protocol_name(std::uint8_t protocol) {
    switch (protocol) {
        case IPPROTO_TCP:
            return "tcp";
        case IPPROTO_UDP:
            return "udp";
        case IPPROTO_SCTP:
            return "sctp";
        case IPPROTO_ICMP:
            return "icmp";
        case IPPROTO_ICMPV6:
            return "icmpv6";
        default:
            return "protocol " + std::to_string(protocol);
    }
}

}  // namespace culvert::common
