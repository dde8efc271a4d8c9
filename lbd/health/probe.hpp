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

/// A backend that is checked.
struct Subject {
    std::string service;
    std::string backend;        ///< name
    IpAddress backend_address;  ///< outside the checker's network
    IpAddress vip;
    IpAddress address;       ///< leads to the VIP on this backend: probe_address()
    std::uint16_t port = 0;  ///< host order
    bool operator==(const Subject&) const = default;
};

/// The result of a probe: the backend serves, or the reason why not.
struct Finding {
    bool answered = false;
    std::string reason;  ///< such as "connection refused"; empty if it answered
    bool operator==(const Finding&) const = default;
};

/// A running probe. To cancel it, destroy it.
class Probe {
  public:
    /// Called once, as the last action of the probe, and not before the probe has been returned.
    using Done = std::function<void(Finding)>;

    Probe() = default;
    Probe(const Probe&) = delete;
    Probe& operator=(const Probe&) = delete;
    virtual ~Probe() = default;
};

using StartedProbe = netlink::Result<std::unique_ptr<Probe>>;

}  // namespace culvert::lbd
