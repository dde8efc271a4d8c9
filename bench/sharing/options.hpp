// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace culvert::bench::sharing {

struct Options {
    unsigned balancers = 64;
    std::uint32_t connections = 1'000'000;  ///< new ones a second, on all balancers
    unsigned backends = 100;
    std::string entries = "16M";     ///< of the flow table
    unsigned change_every = 10;      ///< seconds: a backend goes, or comes back
    unsigned idle = 120;             ///< seconds
    unsigned lifetime = 60;          ///< of a connection, seconds
    unsigned seconds = 420;          ///< of which those before `measure_from` are not measured
    unsigned measure_from = 300;     ///< as many slots begin a transition as end it
    std::uint32_t joined = 500'000;  ///< records that one who joins gets
};

}  // namespace culvert::bench::sharing
