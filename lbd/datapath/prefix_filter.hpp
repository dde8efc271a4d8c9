// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "bpf/abi.h"
#include "netlink/address.hpp"

/// Which addresses the prefixes need not be searched for. bpf/abi.h describes the filter.
namespace culvert::lbd {

/// The filter of `networks`, all of one family. None of their addresses is refused. Of others, few are taken, unless
/// more than LB_FILTER_MASKS lengths occur, or lengths of IPv6 above 64 bits.
[[nodiscard]] lb_prefix_filter prefix_filter(std::span<const netlink::Prefix> networks);

}  // namespace culvert::lbd
