// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "netlink/link.hpp"

namespace culvert::common {

/// The command that removes the XDP program of a device. It depends on the mode and on how the program was attached. A
/// caller who can't list bpf_links (without CAP_SYS_ADMIN) gets both commands. Empty if the device has no program.
[[nodiscard]] std::string xdp_removal(const netlink::Link& device);

}  // namespace culvert::common
