// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "bpf/abi.h"
#include "lbd/model/services.hpp"

/// Conflicts between services: two have the same name or port, a backend cannot distinguish their packets, or a backend
/// has the address of a VIP.
namespace culvert::lbd {

/// `service` conflicts with `other`. `other_backend` is a backend of `other`, if both are about the same backend.
struct Conflict {
    enum class Kind : std::uint8_t {
        same_name,
        same_ports,           ///< port number `part` of the list is also the other's
        announced_otherwise,  ///< the other has the same VIP
        is_vip,               ///< backend number `part` has the other's VIP as its address
        is_in_network,        ///< likewise, has an address in the other's VIP
        at_same_port,         ///< likewise, receives another encapsulation on the same UDP port
        by_same_dscp,         ///< likewise, maps the same DSCP to another VIP
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

/// What is wrong, and how to correct it. `other` names the other service.
[[nodiscard]] std::string text_of(const Conflict& conflict, const std::string& other);

/// Whether `some` of the services conflict with `all` of them, or have too many backends together with them. Neither
/// group has conflicts within itself.
[[nodiscard]] bool may_conflict(const Services& some, const Services& all);

/// The limit for backends in all services; id 0 is not used.
inline constexpr std::size_t most_backends = LB_DEST_MAX - 1;

}  // namespace culvert::lbd
