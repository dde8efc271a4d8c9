// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "netlink/result.hpp"

namespace culvert::common {

/// Where what BPF keeps outlives a process.
inline constexpr const char* bpffs = "/sys/fs/bpf";

/// Mounts it, unless somebody has.
[[nodiscard]] netlink::Result<> mount_bpffs();

}  // namespace culvert::common
