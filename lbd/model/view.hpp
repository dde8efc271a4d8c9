// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace culvert::lbd {

/// The views of `lbd show`.
enum class View : std::uint8_t { services, backends, flows, neighbours, interfaces, counters, announcements, cluster };

/// In the order of --help.
[[nodiscard]] std::vector<std::string_view> view_names();
[[nodiscard]] std::optional<View> view(std::string_view name);

}  // namespace culvert::lbd
