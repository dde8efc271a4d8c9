// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "bpf/abi.h"
#include "lbd/model/fate.hpp"
#include "lbd/model/surroundings.hpp"

/// Which frames are for this host.
namespace culvert::lbd {

/// The table for the program. `by_port`: the program runs on several ports, so it also compares the port of a frame.
[[nodiscard]] lb_own own_table(const Own& own, bool by_port);

/// The program's verdict on a frame, which must have an Ethernet header.
[[nodiscard]] Addressee addressee(const lb_own& table, std::span<const std::uint8_t> frame, std::uint32_t port,
                                  bool by_port);

}  // namespace culvert::lbd
