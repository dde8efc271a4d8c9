// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "netlink/result.hpp"

namespace culvert::common {

/// Where what BPF keeps outlives a process.
inline constexpr const char* bpffs = "/sys/fs/bpf";

/// Whether this process sees what is pinned there.
[[nodiscard]] bool is_bpffs_mounted();

/// Makes a directory for pins, somewhere under `bpffs`, which is mounted unless somebody has. An error if what is
/// mounted here would end with this process.
[[nodiscard]] netlink::Result<> make_pin_directory(const std::string& path);

/// What helps against EPERM and EACCES of bpf() and of pins.
[[nodiscard]] std::string bpf_privilege(int code);

}  // namespace culvert::common
