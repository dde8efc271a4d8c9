// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "bpf/abi.h"

namespace culvert::lbd {

/// Whose a frame is.
enum class Addressee : std::uint8_t { us, others, all, other_vlan };

/// What would become of a frame.
struct Fate {
    /// What BPF_PROG_TEST_RUN takes, and no Ethernet header is shorter: a page less headroom and skb_shared_info
    /// (net/bpf/test_run.c), rounded down.
    static constexpr std::size_t shortest = 14;
    static constexpr std::size_t longest = 3400;

    std::uint32_t verdict = 0;  ///< enum xdp_action
    std::vector<std::uint8_t> frame;
    std::optional<lb_reason> reason;  ///< that it would be counted under
    std::optional<lb_event> event;    ///< the same
    lb_story story{};
    Addressee addressee = Addressee::us;
};

}  // namespace culvert::lbd
