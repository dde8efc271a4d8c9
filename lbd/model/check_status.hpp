// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "netlink/address.hpp"

namespace culvert::lbd {

enum class Condition : std::uint8_t {
    unknown,  ///< not checked yet; counts as up
    up,
    down,
};

/// Counts since checks of a backend began.
struct CheckCounts {
    std::uint64_t answered = 0;
    std::uint64_t failed = 0;
    std::uint64_t changes = 0;          ///< changes between up and down
    std::chrono::microseconds spent{};  ///< sum of the waiting times for answers
    bool operator==(const CheckCounts&) const = default;
};

/// What the health checks know about a backend.
struct CheckStatus {
    Condition condition = Condition::unknown;
    netlink::IpAddress address;           ///< probe_address()
    std::string reason;                   ///< why the last check failed; empty if it succeeded
    std::chrono::microseconds latency{};  ///< response time of the last answered check
    CheckCounts counts;
    bool operator==(const CheckStatus&) const = default;
};
/// Indexed by destination id.
using CheckStatuses = std::unordered_map<std::uint32_t, CheckStatus>;

}  // namespace culvert::lbd
