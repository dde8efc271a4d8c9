// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "netlink/result.hpp"

namespace culvert::common {

/// Where pinned BPF objects outlive a process.
inline constexpr const char* bpffs = "/sys/fs/bpf";

/// Whether this process sees the pins there.
[[nodiscard]] bool is_bpffs_mounted();

/// Makes a directory for pins below `bpffs`, and mounts `bpffs` if nobody has. An error if a mount made here would
/// vanish when this process ends.
[[nodiscard]] netlink::Result<> make_pin_directory(const std::string& path);

/// The cure for EPERM and EACCES of bpf() and of pins.
[[nodiscard]] std::string bpf_privilege(int code);

}  // namespace culvert::common
