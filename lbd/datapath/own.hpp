// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "bpf/abi.h"
#include "lbd/model/fate.hpp"
#include "lbd/model/surroundings.hpp"

/// Which frames are for this host.
namespace culvert::lbd {

/// As the program looks them up. `by_port`: it is compiled to several ports, and asks by which one a frame has come.
[[nodiscard]] lb_own own_table(const Own& own, bool by_port);

/// What the program says of a frame, which has an Ethernet header.
[[nodiscard]] Addressee addressee(const lb_own& table, std::span<const std::uint8_t> frame, std::uint32_t port,
                                  bool by_port);

}  // namespace culvert::lbd
