// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "realserver/config.hpp"
#include "realserver/record.hpp"
#include "realserver/state.hpp"

namespace culvert::realserver {

/// The device that a kernel module makes in every network namespace, which receives from any sender what no other
/// device of its kind does.
struct FallbackDevice {
    std::string_view name;
    std::string_view module;
};

/// The device that receives `inner` in `outer`, whether directly or in UDP.
[[nodiscard]] FallbackDevice fallback_device(Family outer, Inner inner);

/// The devices that appear when a module is loaded, with those of the modules that it pulls in.
[[nodiscard]] std::vector<std::string_view> devices_of_module(std::string_view module);

/// The modules that the configuration needs.
[[nodiscard]] std::vector<std::string_view> needed_modules(const Config& config);

/// The table of nf_tables that is ours by its name.
inline constexpr std::string_view table_name = "culvert";

/// The settings that make a host as `found` the backend that the configuration asks for. `found` counts where a value
/// that is there will do, and for rp_filter: what counts for a device is the larger of its own value and that of "all".
/// Decapsulated packets need 0, so "all" must be 0; where it was not, every other device gets the old value of "all"
/// as its own, so that its protection stays as it was, and "default" hands it to devices that are yet to come.
[[nodiscard]] HostState want(const Config& config, const HostState& found, const Record& record);

}  // namespace culvert::realserver
