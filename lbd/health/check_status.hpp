// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <utility>

#include "lbd/health/judge.hpp"
#include "netlink/address.hpp"

namespace culvert::lbd {

/// What checks know of a backend.
struct CheckStatus {
    Condition condition = Condition::unknown;
    netlink::IpAddress address;           ///< probe_address()
    std::string reason;                   ///< of the last failure, if the last check failed
    std::chrono::microseconds latency{};  ///< of the last answer
    bool operator==(const CheckStatus&) const = default;
};
/// By service and backend.
using CheckStatuses = std::map<std::pair<std::string, std::string>, CheckStatus>;

}  // namespace culvert::lbd
