// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lbd/datapath/flow_clock.hpp"
#include "lbd/model/image.hpp"
#include "lbd/model/services.hpp"

namespace culvert::lbd {

/// A service of which other balancers must know flows or slots: some connection is not where the Maglev table says.
struct TrackedService {
    std::string name;
    std::vector<std::string> backends;    ///< names, also of those that are gone and have an id
    std::vector<std::uint16_t> by_value;  ///< the index in `backends`, by what the Maglev table has; LB_NO_FORMER: none
    bool each = false;                    ///< the table does not tell of any flow of some port: UDP, sticky services
    std::vector<std::uint32_t> lines;     ///< indexes of transitions of ports that follow the table
    std::uint16_t refresh = 1;            ///< how old a time is that is told again, in units of FlowClock
};

/// A transition of one or more services. They have the same Maglev table.
struct TrackedLine {
    std::uint32_t line = 0;  ///< the first one in the map
    std::uint32_t slots = 0;
    std::vector<std::uint32_t> services;  ///< indexes
    std::uint16_t refresh = UINT16_MAX;   ///< the least of theirs
};

/// All of them, and whose flows they are. Values only.
struct Tracked {
    /// The backend of a destination id.
    struct Place {
        std::uint32_t service = 0;  ///< index in `services` + 1; 0: nobody must know of these flows
        std::uint16_t backend = 0;  ///< index in its backends
    };

    Tracked() = default;
    /// `image`: what is in force for these services.
    Tracked(const Services& services, const Image& image, const FlowClock& clock);

    std::vector<TrackedService> services;
    std::vector<TrackedLine> lines;
    std::vector<Place> by_dest;  ///< by destination id
};

}  // namespace culvert::lbd
