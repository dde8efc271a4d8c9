// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tests/packet/packet.hpp"

namespace culvert::packet {

/// A frame as tshark dissects it.
struct Dissection {
    std::string headers;  ///< outermost first: "eth:ip:udp:gue:ipv6:tcp"
    std::string faults;   ///< empty if nothing is malformed and all IPv4, TCP and UDP checksums are right
};

/// Makes tshark read a capture of the frames. One result for each.
[[nodiscard]] std::vector<Dissection> dissect(const std::vector<Bytes>& frames);

}  // namespace culvert::packet
