// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/event_loop.hpp"
#include "lbd/model/config.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

using common::EventLoop;

/// Who is asked.
struct Subject {
    std::string service;
    std::string backend;        ///< name
    IpAddress backend_address;  ///< where it is reached, outside
    IpAddress vip;
    IpAddress address;       ///< that leads to the VIP on this backend: probe_address()
    std::uint16_t port = 0;  ///< host order
    bool operator==(const Subject&) const = default;
};

/// What a probe has found: that the backend serves, or why not.
struct Finding {
    bool answered = false;
    std::string reason;  ///< "connection refused"; empty if it has answered
    bool operator==(const Finding&) const = default;
};

/// One question that is under way. It is given up by destroying it.
class Probe {
  public:
    /// Called once, last of all that the probe does; not called before the probe has been returned.
    using Done = std::function<void(Finding)>;

    Probe() = default;
    Probe(const Probe&) = delete;
    Probe& operator=(const Probe&) = delete;
    virtual ~Probe() = default;
};

using StartedProbe = netlink::Result<std::unique_ptr<Probe>>;

}  // namespace culvert::lbd
