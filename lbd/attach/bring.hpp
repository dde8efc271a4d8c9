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

/// A port that has refused the program.
struct Failed {
    netlink::Link link;  ///< as it was then
    XdpMode mode = XdpMode::native;
    netlink::Error error;
    std::chrono::steady_clock::time_point at;
};
/// By index: the last time for each.
using AllFailed = std::map<std::uint32_t, Failed>;

/// Where the program runs then.
struct Brought {
    std::vector<Attachment> attached;
    std::vector<std::uint32_t> put;       ///< of these, those that had no program of ours before
    std::optional<netlink::Error> why;    ///< it is generic, though it might be native
    std::vector<netlink::Error> refused;  ///< of the other ports, why
    std::optional<netlink::Error> stuck;  ///< why somewhere an earlier program of ours goes on to run
    AllFailed failed;
};

/// Brings the program to all of the ports that take it, in one mode. Those that have `failed` are not tried again.
[[nodiscard]] netlink::Result<Brought> bring(const Pins& pins, Datapath& program, const Ports& ports, XdpMode mode,
                                             AllFailed failed);

}  // namespace culvert::lbd
