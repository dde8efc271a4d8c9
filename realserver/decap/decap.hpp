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

/// The XDP programs of one network namespace. Each is pinned, with its maps, under
/// /sys/fs/bpf/culvert/realserver/<cookie>/<index of its device>, the maps under the number of the program, and stays
/// when this process ends.
class DecapPrograms {
  public:
    /// `cookie`: the kernel's number of the namespace, in which the calling thread must be.
    explicit DecapPrograms(std::uint64_t cookie);

    /// What the device runs, read from the kernel; nothing if it has no XDP program. ENOENT if it goes away meanwhile.
    [[nodiscard]] netlink::Result<std::optional<Decap>> observe(const netlink::Link& link) const;
    /// Makes the device run the program, in place of an earlier one of ours without losing a packet. Counters go on.
    [[nodiscard]] netlink::Result<> attach(const Decap& wanted, std::uint32_t ifindex) const;
    [[nodiscard]] netlink::Result<> detach(const std::string& device, std::uint32_t ifindex) const;
    /// Since the program was first attached to the device.
    [[nodiscard]] netlink::Result<DecapCounters> counters(std::uint32_t ifindex) const;

  private:
    [[nodiscard]] std::string directory(std::uint32_t ifindex) const;

    std::string home_;
};

}  // namespace culvert::realserver
