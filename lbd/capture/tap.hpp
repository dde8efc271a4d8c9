// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "lbd/capture/directory.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

struct TapTarget {
    std::uint32_t ifindex = 0;      ///< any interface with the balancer's program; the capture covers all of them
    std::uint32_t snap_length = 0;  ///< bytes to capture of each frame
    bool only_losses = false;       ///< does not need to trace the balancer's program, which not every kernel allows
};

/// Traces the balancer's program: each packet before it and behind it. Destroying this object removes the tracing.
class Tap {
  public:
    using OnPacket = std::function<void(const Captured&)>;
    using OnLoss = std::function<void(const Lost&)>;

    /// `on_loss` is called for all frames that XDP programs sent in this network namespace and drivers refused. ENOENT
    /// if the balancer's program is not on the interface.
    [[nodiscard]] static netlink::Result<Tap> open(const TapTarget& what, OnPacket on_packet, OnLoss on_loss);
    Tap(Tap&&) noexcept;
    ~Tap();

    /// Waits for packets up to this time, and passes them to the callbacks.
    [[nodiscard]] netlink::Result<> poll(std::chrono::milliseconds time);
    /// Number of events that were lost because packets arrived too fast.
    [[nodiscard]] std::uint64_t lost() const;

  private:
    struct Program;
    explicit Tap(std::unique_ptr<Program> program);

    std::unique_ptr<Program> program_;
};

}  // namespace culvert::lbd
