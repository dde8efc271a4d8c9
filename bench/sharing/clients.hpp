// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

#include "tests/netns/harness/host.hpp"

namespace culvert::bench::sharing {

/// Sends what clients send to the VIP: so many new connections a second, each with SYN, ACK, two more packets, and FIN.
class Clients {
  public:
    /// `device`: of `host`, leads to the balancer with this MAC address (02:00 and its IPv4 address).
    Clients(const netns::Host& host, const std::string& device, std::uint32_t connections_per_second,
            std::chrono::seconds lifetime);
    Clients(const Clients&) = delete;
    Clients& operator=(const Clients&) = delete;

    /// Packets that the kernel did not take.
    [[nodiscard]] std::uint64_t unsent() const { return unsent_; }

  private:
    std::atomic<std::uint64_t> unsent_ = 0;
    std::jthread thread_;
};

}  // namespace culvert::bench::sharing
