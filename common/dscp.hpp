// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace culvert::common {

/// "AF11", "CS1", "EF", in any case: IANA's registry "Differentiated Services Field Codepoints". From 0 to 63.
[[nodiscard]] std::optional<std::uint8_t> dscp_of_name(std::string_view name);

}  // namespace culvert::common
