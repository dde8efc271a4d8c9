// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "bpf/abi.h"
#include "lbd/model/services.hpp"

/// What services must not say beside each other: a name or port that two of them have, a backend that could not tell
/// their packets apart, a backend whose address is a VIP.
namespace culvert::lbd {

/// `service` conflicts with `other`, of which `other_backend` is meant if both are about the same backend.
struct Conflict {
    enum class Kind : std::uint8_t {
        same_name,
        same_ports,     ///< number `part` of its ports
        is_vip,         ///< number `part` of its backends is the other's VIP
        is_in_network,  ///< the same, is in the other's VIP
        at_same_port,   ///< the same, receives something else on the UDP port
        by_same_dscp,   ///< the same, knows another VIP by the DSCP
    };
    Kind kind;
    const Service* service;
    std::size_t part;
    const Service* other;
    const Backend* other_backend;
};

using FoundConflict = std::function<void(const Conflict&)>;

/// Calls `found` for each conflict among the services, in their order.
void find_conflicts(std::span<const Service* const> services, const FoundConflict& found);

/// What is wrong, and what would be right. `other` names the other service.
[[nodiscard]] std::string text_of(const Conflict& conflict, const std::string& other);

/// Whether `some` of the services conflict with `all` of them, or all are too many. There are no conflicts among
/// either.
[[nodiscard]] bool may_conflict(const Services& some, const Services& all);

/// The backends of all services together; id 0 is no backend.
inline constexpr std::size_t most_backends = LB_DEST_MAX - 1;

}  // namespace culvert::lbd
