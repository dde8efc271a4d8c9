// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "bpf/probe_abi.h"
#include "common/fd.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

inline constexpr std::string_view probe_device_name = "culvert-probe";

/// The interface of the checker's own network: a TUN device, which carries bare IP packets to and from its descriptors.
/// It goes with the descriptors, however the process ends.
struct ProbeDevice {
    std::array<common::Fd, PROBE_QUEUES> queues;  ///< by enum probe_queue; they do not block
    std::uint32_t index = 0;
};

/// Up, with its addresses; checksums are done and segments cut in what it gives. Nobody else may open it without
/// CAP_NET_ADMIN. EBUSY if there is one already.
[[nodiscard]] netlink::Result<ProbeDevice> open_probe_device();

/// Gives back to it what somebody has taken away: addresses, routes, or that it is up. ENODEV if it is gone.
[[nodiscard]] netlink::Result<> repair(const ProbeDevice& device);

/// Has the program `steer` choose the queue of each packet.
[[nodiscard]] netlink::Result<> steer(const ProbeDevice& device, int program);

}  // namespace culvert::lbd
