// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "lbd/model/config.hpp"

/// Configurations of routing daemons that announce the VIPs. Errors are sentences without a full stop.
namespace culvert::lbd {

/// A router that the VIPs are announced to by BGP.
struct Router {
    IpAddress address;
    std::uint32_t as = 0;
};

/// This balancer as a BGP speaker.
struct Speaker {
    IpAddress id;
    std::uint32_t as = 0;
    std::vector<Router> routers;  ///< not empty
};

/// bird.conf of BIRD 2, which takes lbd's routes by their protocol.
[[nodiscard]] tl::expected<std::string, std::string> render_bird(const Config& config, const Speaker& speaker);

/// frr.conf of FRR, which takes routes to these VIPs from the main table.
[[nodiscard]] tl::expected<std::string, std::string> render_frr(const Config& config, const Speaker& speaker);

/// A member of a pair without a router, of which one has the VIPs.
struct Member {
    std::string interface;
    std::uint8_t group = 0;     ///< virtual router id, the same on both
    std::uint8_t priority = 0;  ///< the higher one has the VIPs
    std::string ready;          ///< the command that tells whether this balancer may have them
};

/// keepalived.conf
[[nodiscard]] tl::expected<std::string, std::string> render_keepalived(const Config& config, const Member& member);

}  // namespace culvert::lbd
