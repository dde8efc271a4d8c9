// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace culvert::bench::cluster {

/// Seconds of simulated time since it began.
using Tick = std::uint32_t;

/// What is simulated.
struct Options {
    unsigned balancers = 4;
    std::uint32_t connections = 100'000;  ///< at once, on average
    unsigned backends = 50;
    double hours = 1;
    std::uint64_t seed = 1;
    std::uint32_t slots = 65'537;  ///< of the Maglev table, a prime
    Tick idle = 120;               ///< an entry is forgotten after this time
    Tick silence = 100;            ///< the longest time between two packets of a connection
    Tick backend_every = 45;       ///< a backend comes or goes
    Tick balancer_every = 240;     ///< likewise; longer than `idle`
    Tick skew = 2;                 ///< balancers hear of a change up to this time apart
    Tick delay = 1;                ///< after which another balancer has what is shared
    bool plain_ecmp = false;       ///< a balancer that comes or goes moves the connections of all others
};

/// How balancers remember connections.
enum class Scheme : std::uint8_t {
    own_key,        ///< a key for each balancer, all connections in its table
    full,           ///< one key; all connections
    full_shared,    ///< one key; all connections, in the tables of all balancers
    enough,         ///< one key; those in slots in transition
    enough_shared,  ///< one key; those in slots in transition, and these slots, on all balancers
};
inline constexpr Scheme schemes[] = {Scheme::own_key, Scheme::full, Scheme::full_shared, Scheme::enough,
                                     Scheme::enough_shared};

[[nodiscard]] constexpr bool is_shared(Scheme scheme) {
    return scheme == Scheme::full_shared || scheme == Scheme::enough_shared;
}
[[nodiscard]] constexpr bool is_enough(Scheme scheme) {
    return scheme == Scheme::enough || scheme == Scheme::enough_shared;
}
[[nodiscard]] constexpr const char* text(Scheme scheme) {
    switch (scheme) {
        case Scheme::own_key:
            return "full table, own keys";
        case Scheme::full:
            return "full table, same key";
        case Scheme::full_shared:
            return "full table, same key, all shared";
        case Scheme::enough:
            return "just enough, same key, alone";
        case Scheme::enough_shared:
            return "just enough, same key, exceptions shared";
    }
    return "";
}

/// The same each time, and random enough: the finalizer of MurmurHash3.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t h) {
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdULL;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return h ^ (h >> 33);
}

}  // namespace culvert::bench::cluster
