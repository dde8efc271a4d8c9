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

/// Sees what the balancer's program does, from before it and from behind it. The program runs without anything in its
/// way again when this goes.
class Tap {
  public:
    using OnPacket = std::function<void(const Captured&)>;

    /// Stands around the XDP program of this interface, whatever interfaces it runs on. `snap_length`: bytes to be seen
    /// of each frame. ENOENT if the interface has no balancer's program.
    [[nodiscard]] static netlink::Result<Tap> open(std::uint32_t ifindex, std::uint32_t snap_length,
                                                   OnPacket on_packet);
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
