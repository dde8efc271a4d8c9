// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdlib>

namespace culvert::lbd {

/// How many random texts a test reads: so many, or CULVERT_TEXTS.
inline std::uint32_t random_texts(std::uint32_t usual) {
    const char* wanted = std::getenv("CULVERT_TEXTS");
    return wanted == nullptr ? usual : static_cast<std::uint32_t>(std::strtoul(wanted, nullptr, 10));
}

}  // namespace culvert::lbd
