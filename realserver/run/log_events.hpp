// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "common/log.hpp"

namespace culvert::realserver {

/// All events that realserver monitor logs. OBJECT is a setting, CHANGE its change (made or not), as plan prints it.
inline constexpr auto log_events = std::to_array<common::LogEvent>({
    {"applied", "OBJECT, CHANGE", "a setting was made for the first time"},
    {"repaired", "OBJECT, CHANGE", "a setting that somebody had changed was repaired"},
    {"waiting", "OBJECT, CHANGE, REASON", "a setting cannot be made yet; REASON: why"},
    {"not_repaired", "OBJECT, CHANGE, REASON",
     "a setting that somebody had changed could not be repaired; REASON: why"},
    {"contested", "OBJECT, CHANGE", "somebody keeps changing a setting; realserver repairs it less and less often"},
});

/// The name of an event. An unknown one does not compile.
consteval const char* log_event(std::string_view name) {
    return std::ranges::find(log_events, name, &common::LogEvent::name)->name.data();
}

}  // namespace culvert::realserver
