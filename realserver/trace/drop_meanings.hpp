// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace culvert::realserver {

/// A drop reason of the kernel (include/net/dropreason-core.h of 6.1 to 6.18, without SKB_DROP_REASON_).
struct Meaning {
    std::string_view reason;
    std::string_view cause;  ///< its meaning on a backend
    std::string_view cure;   ///< {device}: that the packet arrived at; empty: nothing on this host helps
};

[[nodiscard]] std::span<const Meaning> meanings();
[[nodiscard]] std::optional<Meaning> meaning(std::string_view reason);

}  // namespace culvert::realserver
