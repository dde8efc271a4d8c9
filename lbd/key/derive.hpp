// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "bpf/abi.h"
#include "lbd/model/cluster_key.hpp"
#include "netlink/result.hpp"

/// Keys that are derived from the cluster's key by HKDF with SHA-256 (RFC 5869), without salt. The label is its "info":
/// keys with different labels tell nothing about each other, and nothing about the cluster's key.
namespace culvert::lbd {

/// Fills `derived` from `secret`.
[[nodiscard]] netlink::Result<> derive(std::span<const std::uint8_t> secret, std::string_view label,
                                       std::span<std::uint8_t> derived);

/// Sets the hash key of flows: which slot a flow has, on each balancer with this key.
[[nodiscard]] netlink::Result<> set_hash_key(lb_config& config, const ClusterKey& key);
[[nodiscard]] bool have_same_hash_key(const lb_config& a, const lb_config& b);

/// Eight hexadecimal digits by which people compare the hash keys of two programs.
[[nodiscard]] netlink::Result<std::string> digest_of_hash_key(const lb_config& config);

}  // namespace culvert::lbd
