// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lbd/model/service_view.hpp"
#include "netlink/address.hpp"

namespace culvert::lbd {

struct PeerStatus {
    enum class State : std::uint8_t {
        away,     ///< no connection
        joining,  ///< connected, but has not sent everything yet
        up,       ///< has sent everything
    };

    netlink::IpAddress address;
    State state = State::away;
    std::string name;              ///< the peer's host name; empty: it was never connected
    std::string version;           ///< of its lbd
    std::string reason;            ///< why there is no connection
    std::chrono::seconds since{};  ///< in this state
    std::optional<std::chrono::microseconds> round_trip;
    std::uint64_t records_in = 0;  ///< flow records and slots, since lbd started; likewise the next ones
    std::uint64_t records_out = 0;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    std::uint64_t connections = 0;         ///< made with it
    std::size_t queued = 0;                ///< bytes that it has not taken yet
    std::chrono::milliseconds lag{};       ///< how long the oldest of them has waited
    std::size_t disagreements = 0;         ///< all of them
    std::vector<Disagreement> first_ones;  ///< not more than fit in a table
};

struct ClusterStatus {
    std::string name;  ///< the own host name
    std::string version;
    std::vector<PeerStatus> peers;  ///< in the order of the configuration
    bool joined = true;             ///< every peer has sent everything, or join_timeout is over
    std::size_t waiting = 0;        ///< messages from peers that are not in the maps yet
    std::uint64_t strangers = 0;    ///< connections that were refused
    std::string last_stranger;      ///< its address, and why it was refused
};

}  // namespace culvert::lbd
