// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "bpf/abi.h"
#include "lbd/frame/frame.hpp"

namespace culvert::lbd {

/// A packet that the balancer has handled.
struct Captured {
    std::uint64_t time = 0;  ///< arrival, CLOCK_MONOTONIC, ns
    std::uint64_t left = 0;
    std::uint32_t ifindex = 0;    ///< by which it arrived
    Bytes in;                     ///< the captured part of the frame
    std::uint32_t in_length = 0;  ///< length of the whole frame, bytes
    Bytes out;
    std::uint32_t out_length = 0;
    std::uint32_t verdict = 0;  ///< enum xdp_action
    std::optional<lb_reason> reason;
    std::optional<lb_event> event;

    [[nodiscard]] bool leaves() const { return verdict == XDP_TX || verdict == XDP_REDIRECT; }
};

/// Frames that a program sent and a driver then refused.
struct Lost {
    std::uint64_t time = 0;  ///< CLOCK_MONOTONIC, ns
    std::uint32_t seen = 0;  ///< index of the device that they arrived on, or that was to send them
    std::uint32_t to = 0;    ///< index of the device that was to send them
    std::uint32_t frames = 0;
    int error = 0;  ///< errno; 0: unknown
};

/// What the balancer did with a packet.
struct Decision {
    std::string service;    ///< empty: not for a service
    std::string interface;  ///< by which it leaves; empty: the one it arrived on
    std::string text;       ///< "sent to web 10.0.0.3 (gue 5080)", "dropped: no_route: no route to the backend"
    bool operator==(const Decision&) const = default;
};

/// "12 frames not sent by eth1: not_sent: … (No such device or address)". `to`: name of the device; empty if the
/// balancer does not use it.
[[nodiscard]] std::string describe(const Lost& lost, const std::string& to);

/// Finds the service and backend of a packet, with the output of `lbd show`.
class Directory {
  public:
    Directory(const nlohmann::ordered_json& services, nlohmann::ordered_json backends);

    [[nodiscard]] bool has(const std::string& service) const;
    /// Whether the frame is for an address of a VIP.
    [[nodiscard]] bool is_for_vip(std::span<const std::uint8_t> frame) const;
    [[nodiscard]] Decision decide(const Captured& packet) const;

  private:
    struct Ports {
        std::string protocol;
        std::uint32_t first = 0;
        std::uint32_t last = 0;
    };
    struct Entry {
        std::string name;
        netlink::Prefix vip;
        std::vector<Ports> ports;
    };

    [[nodiscard]] const Entry* service_of(const Headers& headers) const;
    [[nodiscard]] const nlohmann::ordered_json* backend_of(const std::string& service, const Bytes& frame) const;

    std::vector<Entry> services_;
    nlohmann::ordered_json backends_;
};

}  // namespace culvert::lbd
