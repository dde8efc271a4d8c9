// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "netlink/link.hpp"
#include "netlink/result.hpp"
#include "realserver/model/counters.hpp"
#include "realserver/model/decap.hpp"

namespace culvert::realserver {

/// The XDP programs of one network namespace. Each link is pinned in /sys/fs/bpf/culvert/realserver/<cookie>/<index of
/// its device>, and the maps in a directory there, named after the program's id. So they outlive this process.
class DecapPrograms {
  public:
    /// `cookie`: the kernel's number of the calling thread's namespace.
    explicit DecapPrograms(std::uint64_t cookie);

    /// The device's XDP program in the kernel; nothing if it has none. ENOENT if the device is deleted meanwhile.
    [[nodiscard]] netlink::Result<std::optional<Decap>> observe(const netlink::Link& link) const;
    /// Attaches the program. It replaces an earlier one of ours without losing a packet, and keeps its counters.
    [[nodiscard]] netlink::Result<> attach(const Decap& wanted, std::uint32_t ifindex) const;
    [[nodiscard]] netlink::Result<> detach(const std::string& device, std::uint32_t ifindex) const;
    /// Counted since the program was first attached to the device.
    [[nodiscard]] netlink::Result<DecapCounters> counters(std::uint32_t ifindex) const;

  private:
    [[nodiscard]] std::string directory(std::uint32_t ifindex) const;

    std::string home_;
};

}  // namespace culvert::realserver
