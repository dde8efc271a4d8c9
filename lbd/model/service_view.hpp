// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace culvert::lbd {

/// One thing that a balancer says of a service: {"backend b2: weight", "10"}.
struct ViewLine {
    std::string key;
    std::string value;
    auto operator<=>(const ViewLine&) const = default;
};

/// How one balancer sees a service. Balancers with the same view treat packets for the service alike.
struct ServiceView {
    std::string name;
    std::uint64_t table = 0;           ///< digest of what decides its Maglev table
    std::uint64_t whole = 0;           ///< digest of all lines
    std::chrono::milliseconds idle{};  ///< of the service
    std::vector<ViewLine> lines;       ///< sorted by key
    bool operator==(const ServiceView&) const = default;
};

/// A line that two balancers do not agree on.
struct Disagreement {
    std::string service;  ///< empty: about the whole balancer
    std::string key;      ///< empty: the service itself
    std::string here;     ///< the value; empty: there is none
    std::string there;    ///< likewise, of the peer
    bool operator==(const Disagreement&) const = default;
};

/// "service web: backend b2: weight 10 here, 20 on 10.0.0.3"
[[nodiscard]] std::string text_of(const Disagreement& one, const std::string& peer);

}  // namespace culvert::lbd
