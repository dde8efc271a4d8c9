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

/// A packet that the XDP program drops never reaches the kernel's network stack, so no tracepoint reports it. The
/// program counts it by reason.
namespace culvert::realserver {

struct XdpDrops {
    std::string device;
    std::string reason;         ///< "no_vip"
    std::uint64_t packets = 0;  ///< since the last call
    bool operator==(const XdpDrops&) const = default;
};

/// The packets counted since `before`, which is set to `now`.
[[nodiscard]] std::vector<XdpDrops> newly_dropped(const std::string& device, const DecapCounters& now,
                                                  DecapCounters& before);

class XdpCounts {
  public:
    /// For the calling thread's network namespace, whose number is `cookie`. Counts from now on.
    [[nodiscard]] static netlink::Result<XdpCounts> open(std::uint64_t cookie);

    /// The drops on all devices since the last call.
    [[nodiscard]] std::vector<XdpDrops> take();

  private:
    XdpCounts(netlink::Socket route, std::uint64_t cookie) : route_(std::move(route)), programs_(cookie) {}

    netlink::Socket route_;
    DecapPrograms programs_;
    std::map<std::uint32_t, DecapCounters> before_;  ///< by device index
};

[[nodiscard]] std::string to_text(const XdpDrops& drops, std::string_view time, bool colored);
/// time, device, packets, reason, cause, cure
[[nodiscard]] nlohmann::ordered_json to_json(const XdpDrops& drops, std::string_view time);

}  // namespace culvert::realserver
