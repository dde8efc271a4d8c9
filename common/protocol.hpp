// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace culvert::common {

/// "tcp", "icmpv6", "protocol 50". `protocol`: IPPROTO_*
[[nodiscard]] std::string protocol_name(std::uint8_t protocol);

}  // namespace culvert::common
