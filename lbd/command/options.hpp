// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/terminal.hpp"
#include "netlink/address.hpp"

/// The values of the command line's options.
namespace culvert::lbd {

struct RenderOptions {
    std::string what;
    std::vector<std::string> backends;   ///< addresses
    std::vector<std::string> balancers;  ///< addresses; empty: those that the running balancer uses
    // bird, frr
    std::uint32_t as = 0;
    std::vector<std::string> peers;  ///< ADDRESS=AS
    std::string router_id;
    // keepalived
    std::string interface;
    std::uint32_t group = 0;
    std::uint32_t priority = 0;
};

struct ExplainOptions {
    std::string source;
    std::string destination;
    std::string protocol = "tcp";
    std::string flags = "syn";
    std::size_t length = 0;  ///< of the IP packet, bytes; 0: its headers only
    std::string pcap;
    std::string interface;  ///< empty: the first one
};

struct WatchOptions {
    double interval = 1;    ///< seconds
    std::size_t count = 0;  ///< number of tables; 0: unlimited
};

inline constexpr std::uint32_t max_snap_length = 65'536;

struct CaptureOptions {
    std::string file;       ///< empty: print lines to standard output
    std::size_t count = 0;  ///< number of packets; 0: unlimited
    double seconds = 0;     ///< 0: unlimited
    std::string service;    ///< empty: all services
    std::string reason;     ///< empty: all packets, dropped or not
    bool all = false;       ///< also packets that are not for a VIP
    std::uint32_t snap_length = max_snap_length;
    std::vector<std::string> filter;  ///< words of a filter expression
};

struct DrainOptions {
    std::string backend;  ///< name or address
    std::string service;  ///< empty: all services
};

struct PlanOptions {
    std::string config;  ///< another file; empty: the daemon's own
};

struct WaitOptions {
    bool wait = false;
    double seconds = 0;  ///< longest wait; 0: unlimited

    /// A longest wait is one.
    [[nodiscard]] bool waits() const { return wait || seconds > 0; }
};

struct Options {
    std::string config = "/etc/culvert/lbd.yaml";
    std::string netns;   ///< name or path; empty: the present one
    std::string socket;  ///< empty: the default of the network namespace
    common::ColorMode color = common::ColorMode::automatic;
    std::string what = "services";
    bool json = false;
    bool brief = false;
    std::optional<netlink::Family> family;  ///< show this family only; absent: both
    bool check = false;
    std::string state_directory = "/var/lib/culvert/lbd";
    bool detach = false;
    RenderOptions render;
    ExplainOptions explain;
    WatchOptions watch;
    CaptureOptions capture;
    DrainOptions drain;
    PlanOptions plan;
    WaitOptions wait;               ///< of lbd drain, lbd leave and lbd ready
    std::vector<std::string> vips;  ///< of lbd ready; likewise the next one
    bool joined = false;            ///< lbd must have joined its cluster
};

}  // namespace culvert::lbd
