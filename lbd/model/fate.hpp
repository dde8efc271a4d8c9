// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "bpf/abi.h"

namespace culvert::lbd {

/// For whom a frame is.
enum class Addressee : std::uint8_t { us, others, all, other_vlan };

/// What the program would do with a frame.
struct Fate {
    /// Limits of BPF_PROG_TEST_RUN, in bytes: an Ethernet header, and a page less headroom and skb_shared_info
    /// (net/bpf/test_run.c), rounded down.
    static constexpr std::size_t shortest = 14;
    static constexpr std::size_t longest = 3400;

    std::uint32_t verdict = 0;  ///< enum xdp_action
    std::vector<std::uint8_t> frame;
    std::optional<lb_reason> reason;  ///< under which the frame would be counted
    std::optional<lb_event> event;    ///< likewise
    lb_story story{};
    Addressee addressee = Addressee::us;
};

}  // namespace culvert::lbd
