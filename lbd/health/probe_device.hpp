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

/// The interface of the checker's network: a TUN device, which passes plain IP packets to and from its descriptors. It
/// disappears with the descriptors, however the process ends.
struct ProbeDevice {
    std::array<common::Fd, PROBE_QUEUES> queues;  ///< by enum probe_queue; non-blocking
    std::uint32_t index = 0;
};

/// Creates the device, up and with its addresses. Its packets have finished checksums and are segmented. Others need
/// CAP_NET_ADMIN to open it. EBUSY if it exists.
[[nodiscard]] netlink::Result<ProbeDevice> open_probe_device();

/// Restores addresses, routes and the up state, if somebody has changed them. ENODEV if the device is gone.
[[nodiscard]] netlink::Result<> repair(const ProbeDevice& device);

/// Lets the program `steer` choose the queue of each packet.
[[nodiscard]] netlink::Result<> steer(const ProbeDevice& device, int program);

}  // namespace culvert::lbd
