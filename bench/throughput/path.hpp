// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "tests/netns/harness/host.hpp"

struct frames_bpf;  // the skeleton that bpftool makes

namespace culvert::bench {

inline constexpr const char* vip = "192.0.2.1";
inline constexpr const char* beyond = "10.9.0.3";  ///< the sink's address

/// A cable in, what is measured, a cable out:
///     source ── eth0 middle eth1 ── sink
///   10.0.0.1    .2      10.9.0.2    .3
/// Frames of 64 bytes (with their checksum), UDP, of 4,096 flows, go to the VIP. All of it happens on one processor.
class Path {
  public:
    Path();
    ~Path();

    [[nodiscard]] const netns::Host& middle() const { return middle_; }
    /// The middle passes frames on as they are, by XDP.
    void pass_through();
    /// Sends and waits until all is done. How long a frame takes. Throws unless as many have arrived, all of this IP
    /// protocol.
    [[nodiscard]] std::chrono::duration<double, std::nano> send(std::uint32_t frames, std::uint8_t arrive_as);

  private:
    struct Unload {
        void operator()(frames_bpf* skeleton) const;
    };
    using Skeleton = std::unique_ptr<frames_bpf, Unload>;

    netns::Host source_, middle_, sink_;
    Skeleton frames_;
    Skeleton through_;
};

}  // namespace culvert::bench
