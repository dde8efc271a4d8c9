// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// What has come in, as the kernel and our XDP programs have counted it.
namespace culvert::realserver {

/// By a device, or by its XDP program.
struct Received {
    std::uint64_t packets = 0;
    std::uint64_t dropped = 0;  ///< of a device: after they were unwrapped; a sender without a tunnel is not among them
    bool operator==(const Received&) const = default;
};

/// What an XDP program has counted.
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
    std::vector<Reason> let_pass;  ///< that a strict guard would have dropped
    bool operator==(const DecapCounters&) const = default;
};

}  // namespace culvert::realserver
