// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "realserver/model/config.hpp"
#include "realserver/model/decap.hpp"

namespace culvert::realserver {

/// What a configuration asks of one host: `decide` (desired/decide.hpp) makes it of the file and of what is around.
struct Desired {
    Config config;                     ///< what the file says
    std::vector<Receive> by_kernel{};  ///< of `config.receive`: what the kernel unwraps, and what needs no unwrapping
    std::vector<Receive> by_xdp{};     ///< the rest
    std::vector<Decap> decap{};        ///< the programs that unwrap the rest. Without a device: none is known.
    std::set<std::string> ways_in;     ///< devices by which packets to the balancers leave
    std::optional<std::uint32_t> link_mtu;  ///< bytes: the least of the links that lead to the balancers
    bool operator==(const Desired&) const = default;
};

}  // namespace culvert::realserver
