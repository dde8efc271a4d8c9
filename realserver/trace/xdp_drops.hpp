// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "netlink/result.hpp"
#include "netlink/socket.hpp"
#include "realserver/decap/decap.hpp"
#include "realserver/model/counters.hpp"

/// What the XDP program drops never becomes a packet of the kernel's, so no tracepoint tells of it. The program counts
/// it, by reason.
namespace culvert::realserver {

struct XdpDrops {
    std::string device;
    std::string reason;         ///< "no_vip"
    std::uint64_t packets = 0;  ///< since it was last asked
    bool operator==(const XdpDrops&) const = default;
};

/// What was counted since `before`, which becomes `now`.
[[nodiscard]] std::vector<XdpDrops> newly_dropped(const std::string& device, const DecapCounters& now,
                                                  DecapCounters& before);

class XdpCounts {
  public:
    /// Of the calling thread's network namespace, whose number is `cookie`; counts from now on.
    [[nodiscard]] static netlink::Result<XdpCounts> open(std::uint64_t cookie);

    /// Since the last time, on all devices.
    [[nodiscard]] std::vector<XdpDrops> take();

  private:
    XdpCounts(netlink::Socket route, std::uint64_t cookie) : route_(std::move(route)), programs_(cookie) {}

    netlink::Socket route_;
    DecapPrograms programs_;
    std::map<std::uint32_t, DecapCounters> before_;  ///< by the device's index
};

[[nodiscard]] std::string to_text(const XdpDrops& drops, std::string_view time, bool colored);
/// time, device, packets, reason, cause, cure
[[nodiscard]] nlohmann::ordered_json to_json(const XdpDrops& drops, std::string_view time);

}  // namespace culvert::realserver
