// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "netlink/address.hpp"

namespace culvert::lbd {

enum class Condition : std::uint8_t {
    unknown,  ///< not asked yet; it is trusted
    up,
    down,
};

/// Since a backend is checked.
struct CheckCounts {
    std::uint64_t answered = 0;
    std::uint64_t failed = 0;
    std::uint64_t changes = 0;          ///< of the condition, from up to down and back
    std::chrono::microseconds spent{};  ///< waiting for answers
    bool operator==(const CheckCounts&) const = default;
};

/// What checks know of a backend.
struct CheckStatus {
    Condition condition = Condition::unknown;
    netlink::IpAddress address;           ///< probe_address()
    std::string reason;                   ///< of the last failure, if the last check failed
    std::chrono::microseconds latency{};  ///< of the last answer
    CheckCounts counts;
    bool operator==(const CheckStatus&) const = default;
};
/// By destination id.
using CheckStatuses = std::unordered_map<std::uint32_t, CheckStatus>;

}  // namespace culvert::lbd
