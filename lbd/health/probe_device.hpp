// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "common/fd.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// The interface of the checker's own network: a TUN device, which carries bare IP packets to and from its descriptor.
/// It goes with the descriptor, however the process ends.
struct ProbeDevice {
    common::Fd fd;  ///< does not block
    std::uint32_t index = 0;
};

/// Up, with its addresses; checksums are done and segments cut in what it gives. EBUSY if there is one already.
[[nodiscard]] netlink::Result<ProbeDevice> open_probe_device();

}  // namespace culvert::lbd
