// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tests/packet/packet.hpp"

namespace culvert::packet {

/// A frame as tshark sees it.
struct Dissection {
    std::string headers;  ///< outermost first: "eth:ip:udp:gue:ipv6:tcp"
    std::string faults;   ///< empty if nothing is malformed and every checksum of IPv4, TCP and UDP is right
};

/// Has tshark read a capture of the frames; one answer for each.
[[nodiscard]] std::vector<Dissection> dissect(const std::vector<Bytes>& frames);

}  // namespace culvert::packet
