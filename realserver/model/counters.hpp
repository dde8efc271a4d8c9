// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// What this host has received, as counted by the kernel and by our XDP programs.
namespace culvert::realserver {

/// Received by a device, or by its XDP program.
struct Received {
    std::uint64_t packets = 0;
    std::uint64_t dropped = 0;  ///< a device only counts decapsulated packets, so none of strangers
    bool operator==(const Received&) const = default;
};

/// The counters of one XDP program.
struct DecapCounters {
    struct Kind {
        std::string name;  ///< "gue"
        std::uint64_t packets = 0;
        std::uint64_t bytes = 0;  ///< of the inner IP packets
        bool operator==(const Kind&) const = default;
    };
    struct Reason {
        std::string name;  ///< "no_vip"
        std::uint64_t packets = 0;
        bool operator==(const Reason&) const = default;
    };
    std::vector<Kind> received;
    std::vector<Reason> dropped;
    std::vector<Reason> let_pass;  ///< packets that a strict guard would have dropped
    bool operator==(const DecapCounters&) const = default;
};

}  // namespace culvert::realserver
