// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "netlink/link.hpp"

namespace culvert::common {

/// The command that takes the XDP program of a device off: each way of attaching one has its own, and each mode. Who
/// may not list bpf_links (without CAP_SYS_ADMIN) is told both. Empty if the device has no program.
[[nodiscard]] std::string xdp_removal(const netlink::Link& device);

}  // namespace culvert::common
