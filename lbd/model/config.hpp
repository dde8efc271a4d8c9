// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lbd/model/announce.hpp"
#include "lbd/model/cluster_key.hpp"
#include "lbd/model/endpoint.hpp"
#include "lbd/model/services.hpp"

/// The configuration as plain values. It is read into these, and plans are made from them.
namespace culvert::lbd {

enum class XdpMode : std::uint8_t {
    automatic,  ///< native if the driver supports it, otherwise generic
    native,
    generic,
};

struct Flows {
    std::uint64_t entries = 4ULL << 20;  ///< 8 bytes each; a power of two
    std::chrono::milliseconds idle{120'000};
    bool operator==(const Flows&) const = default;
};

/// The default port on which balancers of a cluster connect to each other.
inline constexpr std::uint16_t cluster_port = 9478;

/// The balancers that choose the same backend for a flow, and tell each other what their tables alone do not say.
struct Cluster {
    std::string key_file;              ///< empty: lbd's own
    std::optional<ClusterKey> key;     ///< once it is read; see lbd/key/source.hpp
    std::optional<IpAddress> address;  ///< where peers reach this balancer; absent: the one that leads to each
    std::uint16_t port = cluster_port;
    std::vector<IpAddress> peers;  ///< may have the balancer's own address, which is skipped
    std::chrono::milliseconds join_timeout{10'000};
    bool operator==(const Cluster&) const = default;
};

struct Config {
    std::vector<std::string> interfaces;  ///< not empty
    XdpMode xdp = XdpMode::automatic;
    Flows flows;
    bool latency = true;  ///< measure how long the program takes for some packets
    std::optional<Endpoint> metrics = Endpoint{*IpAddress::parse("127.0.0.1"), 9477};  ///< absent: not served
    Cluster cluster;
    std::optional<Announce> announce;  ///< absent: no VIP is announced
    Services services;
    bool operator==(const Config&) const = default;
};

/// Reloads since the start.
struct Reloads {
    std::uint64_t done = 0;
    std::uint64_t failed = 0;  ///< also counts refused configurations
    bool last_done = true;
};

}  // namespace culvert::lbd
