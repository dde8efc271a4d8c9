// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "lbd/model/choice.hpp"

namespace culvert::lbd {

/// What one balancer tells the others of its cluster about services: the connections that are not where the Maglev
/// table says, and the slots in transition. It names backends, as each balancer has ids of its own.
struct Exceptions {
    /// A slot in transition: see Slots.
    struct Slot {
        std::uint32_t slot = 0;
        std::uint16_t former = LB_NO_FORMER;  ///< index in `backends`, or LB_NO_FORMER: there is none
        std::uint16_t age = 0;                ///< since a packet was last sent to it, seconds
        bool operator==(const Slot&) const = default;
    };
    /// An entry of the flow table.
    struct Record {
        std::uint32_t low = 0;      ///< the lower bits of the flow's hash that the entry's place tells
        std::uint32_t tag = 0;      ///< as in the entry, with the state in its lowest LB_FLOW_STATE_BITS
        std::uint16_t backend = 0;  ///< index in `backends`
        std::uint16_t age = 0;      ///< since its last packet, seconds
        Choice choice;
        bool operator==(const Record&) const = default;
    };

    /// Names. All have these slots and this table, and records are of the first one.
    std::vector<std::string> services;
    std::vector<std::string> backends;  ///< names
    std::uint32_t slots = 0;            ///< number of slots; 0: none is in transition
    std::vector<Slot> moving;           ///< in ascending order
    /// Of its Maglev table; 0: nothing is said about it, or no backend takes new flows.
    std::uint32_t table_size = 0;
    std::vector<std::uint32_t> weights;  ///< in that table, of each of `backends`; 0: it has no entries
    std::uint32_t buckets = 0;           ///< of the sender's flow table; `low` has the bits that select one
    std::vector<Record> records;
    bool operator==(const Exceptions&) const = default;
};

}  // namespace culvert::lbd
