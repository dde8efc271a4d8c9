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
    std::string cure;  ///< a command if possible; empty: nothing on this host helps
    bool operator==(const Explanation&) const = default;
};

/// The kernel's reason for every drop by nf_tables or iptables.
inline constexpr std::string_view netfilter_drop = "NETFILTER_DROP";

/// The meaning of the kernel's reason on a backend with this configuration. If the kernel gives no reason, the meaning
/// follows from the function that dropped the packet. `guard`: the guard's reason, if the guard dropped it.
[[nodiscard]] Explanation explain(const Drop& drop, const Config& config, const std::optional<Reason>& guard = {});

}  // namespace culvert::realserver
