// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "bpf/decap_abi.h"
#include "common/fd.hpp"
#include "netlink/result.hpp"
#include "realserver/model/counters.hpp"
#include "realserver/model/decap.hpp"

/// Conversion between a DecapProgram and the maps of the XDP program. `directory` is the place of their pins, and ends
/// with a slash.
namespace culvert::realserver {

/// The pin of .rodata, which holds a decap_config.
inline constexpr const char* config_pin = "config";

/// The constants that the program is compiled with.
[[nodiscard]] decap_config to_config(const DecapProgram& program);

/// File descriptors of a program's maps.
struct DecapMaps {
    int balancers;
    int vips;
    int own;
    int tunnels;
    int networks;
};
/// Fills empty maps.
[[nodiscard]] netlink::Result<> fill(const DecapMaps& maps, const DecapProgram& program);

/// Empty if the maps are those of another version.
[[nodiscard]] DecapProgram read_program(const std::string& directory);

/// A pinned map, not open if there is none. A map of counters has an entry for each; another version may have fewer or
/// more.
struct Pinned {
    common::Fd fd;
    std::uint32_t entries = 0;
};
[[nodiscard]] Pinned open_received(const std::string& directory);
[[nodiscard]] Pinned open_reasons(const std::string& directory);
[[nodiscard]] Pinned open_let_pass(const std::string& directory);
/// Copies the first `count` counters, each of `size` bytes for a CPU.
[[nodiscard]] netlink::Result<> copy_counters(int from, int to, std::uint32_t count, std::size_t size);
/// ENOENT if there are none. What the program's version does not count is 0.
[[nodiscard]] netlink::Result<DecapCounters> read_counters(const std::string& directory);

}  // namespace culvert::realserver
