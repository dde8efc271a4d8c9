// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "lbd/attach/attachment.hpp"
#include "lbd/attach/look.hpp"
#include "lbd/attach/plan.hpp"
#include "lbd/datapath/datapath.hpp"
#include "lbd/datapath/pins.hpp"
#include "lbd/model/config.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// A port that refused the program.
struct Failed {
    netlink::Link link;  ///< the link at that time
    XdpMode mode = XdpMode::native;
    netlink::Error error;
    std::chrono::steady_clock::time_point at;
};
/// The last failure of each port, by index.
using AllFailed = std::map<std::uint32_t, Failed>;

/// Where the program runs afterwards.
struct Brought {
    std::vector<Attachment> attached;
    std::vector<std::uint32_t> put;       ///< interfaces among these that had no program of ours before
    std::vector<std::uint32_t> gone;      ///< ports that the kernel no longer knows
    std::optional<netlink::Error> why;    ///< why the mode is generic, where native was allowed
    std::vector<netlink::Error> refused;  ///< why other ports have no program
    std::optional<netlink::Error> stuck;  ///< why an earlier program of ours still runs on some port
    AllFailed failed;
};

/// Attaches the program, in one mode, to all ports that accept it. It does not try those in `failed` again.
[[nodiscard]] netlink::Result<Brought> bring(const Pins& pins, Datapath& program, const Ports& ports, XdpMode mode,
                                             AllFailed failed);

}  // namespace culvert::lbd
