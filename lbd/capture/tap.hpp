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
    std::uint32_t ifindex = 0;      ///< an interface with the balancer's program, whatever others it runs on
    std::uint32_t snap_length = 0;  ///< bytes to be seen of each frame
    bool only_losses = false;       ///< needs no program around the balancer's, which not every kernel allows
};

/// Sees what the balancer's program does, from before it and from behind it. The program runs without anything in its
/// way again when this goes.
class Tap {
  public:
    using OnPacket = std::function<void(const Captured&)>;
    using OnLoss = std::function<void(const Lost&)>;

    /// `on_loss` hears of all frames that XDP programs send in this network namespace and no driver takes. ENOENT if
    /// the interface has no balancer's program.
    [[nodiscard]] static netlink::Result<Tap> open(const TapTarget& what, OnPacket on_packet, OnLoss on_loss);
    Tap(Tap&&) noexcept;
    ~Tap();

    /// Hands over what has come, or comes before the time is up.
    [[nodiscard]] netlink::Result<> poll(std::chrono::milliseconds time);
    /// Packets that came faster than they were taken.
    [[nodiscard]] std::uint64_t lost() const;

  private:
    struct Program;
    explicit Tap(std::unique_ptr<Program> program);

    std::unique_ptr<Program> program_;
};

}  // namespace culvert::lbd
