// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "lbd/frame/capture_file.hpp"

namespace culvert::lbd {

/// Whether packets with this number of https://www.tcpdump.org/linktypes.html can be converted to Ethernet frames:
/// Ethernet, raw IP, and Linux's captures of all interfaces.
[[nodiscard]] bool is_known_link_type(std::uint32_t link_type);

/// Converts a captured packet. `length`: of the whole packet, bytes. MAC addresses that the capture lacks become zero.
[[nodiscard]] CapturedFrame to_frame(std::uint32_t link_type, std::span<const std::uint8_t> packet, std::size_t length);

}  // namespace culvert::lbd
