// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace culvert::realserver {

/// A drop reason of the kernel's (include/net/dropreason-core.h of 6.1 to 6.18, without SKB_DROP_REASON_).
struct Meaning {
    std::string_view reason;
    std::string_view cause;  ///< what it means on a backend
    std::string_view cure;   ///< with {device}, by which the packet came; empty: there is none on this host
};

[[nodiscard]] std::span<const Meaning> meanings();
[[nodiscard]] std::optional<Meaning> meaning(std::string_view reason);

}  // namespace culvert::realserver
