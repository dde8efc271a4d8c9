// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "realserver/guard/guard.hpp"
#include "realserver/model/config.hpp"
#include "realserver/trace/drop.hpp"

namespace culvert::realserver {

struct Explanation {
    std::string cause;
    std::string cure;  ///< a command where there is one; empty: nothing on this host helps
    bool operator==(const Explanation&) const = default;
};

/// The kernel's reason for whatever nf_tables or iptables drops.
inline constexpr std::string_view netfilter_drop = "NETFILTER_DROP";

/// What the kernel's reason means on a backend with this configuration. Where a kernel gives none, the function that
/// dropped the packet tells. `guard`: the guard's reason, if it was the guard.
[[nodiscard]] Explanation explain(const Drop& drop, const Config& config, const std::optional<Reason>& guard = {});

}  // namespace culvert::realserver
