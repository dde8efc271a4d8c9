// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/terminal.hpp"
#include "netlink/address.hpp"

/// What the command line says.
namespace culvert::lbd {

struct RenderOptions {
    std::string what;
    std::vector<std::string> backends;   ///< addresses
    std::vector<std::string> balancers;  ///< addresses; empty: those that the running balancer uses
};

struct ExplainOptions {
    std::string source;
    std::string destination;
    std::string protocol = "tcp";
    std::string flags = "syn";
    std::size_t length = 0;  ///< of the IP packet, bytes; 0: no longer than its headers
    std::string pcap;
    std::string interface;  ///< empty: the first
};

struct WatchOptions {
    double interval = 1;    ///< seconds
    std::size_t count = 0;  ///< of tables; 0: no end
};

inline constexpr std::uint32_t max_snap_length = 65'536;

struct CaptureOptions {
    std::string file;       ///< empty: lines on standard output
    std::size_t count = 0;  ///< of packets; 0: no end
    double seconds = 0;     ///< 0: no end
    std::string service;    ///< empty: all
    std::string reason;     ///< empty: whatever becomes of them
    bool all = false;       ///< also what is for no VIP
    std::uint32_t snap_length = max_snap_length;
    std::vector<std::string> filter;  ///< words of an expression
};

struct DrainOptions {
    std::string backend;  ///< name or address
    std::string service;  ///< empty: all
    bool wait = false;
    double seconds = 0;  ///< to wait; 0: no end
};

struct Options {
    std::string config = "/etc/culvert/lbd.yaml";
    std::string netns;   ///< name or path; empty: the one we are in
    std::string socket;  ///< empty: the default of the network namespace
    common::ColorMode color = common::ColorMode::automatic;
    std::string what = "services";
    bool json = false;
    bool brief = false;
    std::optional<netlink::Family> family;  ///< of what is shown; none: both
    bool check = false;
    bool detach = false;
    RenderOptions render;
    ExplainOptions explain;
    WatchOptions watch;
    CaptureOptions capture;
    DrainOptions drain;
};

}  // namespace culvert::lbd
