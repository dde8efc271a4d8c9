// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bpf/abi.h"
#include "lbd/model/config.hpp"
#include "netlink/result.hpp"

/// The hash key in force. A pinned program keeps its own, as flows and slots depend on it, also if the configuration
/// has another one.
namespace culvert::lbd {

/// Digests of two hash keys.
struct HashKeys {
    std::string in_force;
    std::string configured;  ///< empty: the same
};

[[nodiscard]] netlink::Result<HashKeys> hash_keys(const Config& config, const lb_config& in_force);

/// Warns if they differ, unless this difference is `told` already; writes it there.
[[nodiscard]] netlink::Result<> report_hash_keys(const Config& config, const lb_config& in_force, std::string& told);

}  // namespace culvert::lbd
