// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lbd/model/endpoint.hpp"
#include "lbd/model/services.hpp"

/// What the balancer is told to do, as plain values: what configuration is read into and plans are made from.
namespace culvert::lbd {

enum class XdpMode : std::uint8_t {
    automatic,  ///< native where the driver has it, generic otherwise
    native,
    generic,
};

struct Flows {
    std::uint64_t entries = 4ULL << 20;  ///< 8 bytes each; a power of two
    std::chrono::milliseconds idle{120'000};
    bool operator==(const Flows&) const = default;
};

struct Config {
    std::vector<std::string> interfaces;  ///< not empty
    XdpMode xdp = XdpMode::automatic;
    Flows flows;
    bool latency = true;  ///< some packets have their time taken
    std::optional<Endpoint> metrics = Endpoint{*IpAddress::parse("127.0.0.1"), 9477};  ///< nothing: they aren't served
    Services services;
    bool operator==(const Config&) const = default;
};

/// Configurations that came after the first one.
struct Reloads {
    std::uint64_t done = 0;
    std::uint64_t failed = 0;  ///< or refused
    bool last_done = true;
};

}  // namespace culvert::lbd
