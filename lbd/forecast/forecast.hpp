// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "lbd/forecast/changes.hpp"
#include "lbd/model/turnover.hpp"
#include "netlink/address.hpp"

namespace culvert::lbd {

/// What another balancer says of its own connections.
struct PeerForecast {
    struct Of {
        std::string missing;  ///< why there is no count; empty: there is one
        TurnoverCount count;
    };
    netlink::IpAddress address;
    std::string name;     ///< host name; empty: unknown
    std::string missing;  ///< why it says nothing; empty: it has answered
    std::vector<Of> of;   ///< by turnover
};

/// What a reload would do.
struct Forecast {
    std::vector<ConfigChange> changes;
    std::vector<Turnover> turnovers;
    std::vector<TurnoverCount> here;  ///< of this balancer, by turnover
    std::string balancer;             ///< its host name; empty: there are no peers
    std::vector<PeerForecast> peers;
};

}  // namespace culvert::lbd
