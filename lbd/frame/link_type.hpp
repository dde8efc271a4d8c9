// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "lbd/frame/capture_file.hpp"

namespace culvert::lbd {

/// A number of https://www.tcpdump.org/linktypes.html whose packets can be had as Ethernet frames: Ethernet, raw IP,
/// and what Linux gives of all interfaces at once.
[[nodiscard]] bool is_known_link_type(std::uint32_t link_type);

/// A captured packet as a frame. `length`: of the whole packet, bytes. MAC addresses that the capture has not are zero.
[[nodiscard]] CapturedFrame to_frame(std::uint32_t link_type, std::span<const std::uint8_t> packet, std::size_t length);

}  // namespace culvert::lbd
