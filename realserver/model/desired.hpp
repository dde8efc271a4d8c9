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

/// The desired state of this host. `decide` (desired/decide.hpp) computes it from the file and the surroundings.
struct Desired {
    Config config;                     ///< the file
    std::vector<Receive> by_kernel{};  ///< in `config.receive`: what the kernel decapsulates, or what needs none
    std::vector<Receive> by_xdp{};     ///< the rest
    std::vector<Decap> decap{};        ///< the programs that decapsulate `by_xdp`. An empty device: not known yet.
    /// The kernel's own devices for what XDP decapsulates. Others may bring them up, or make devices of their kinds.
    std::set<std::string> left_to_others{};
    /// Devices of tunnels to `tunnel_peers` whose outer packets are in another network namespace, where `outer` of the
    /// guard does not see them.
    std::set<std::string> peers_elsewhere{};
    std::set<std::uint16_t> ports_of_others{};  ///< of FOU and GUE, not in `config`
    std::set<std::string> ways_in;              ///< devices through which packets to the balancers leave
    std::optional<std::uint32_t> link_mtu;      ///< bytes: the smallest of the links that lead to the balancers
    bool operator==(const Desired&) const = default;
};

}  // namespace culvert::realserver
