// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/attach/look.hpp"
#include "lbd/datapath/datapath.hpp"
#include "lbd/model/config.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Whether the ports accept the program in this mode. Ports without our program run one that passes every packet, for a
/// moment. Nothing else is changed.
[[nodiscard]] netlink::Result<> try_out(const Datapath& program, const Ports& ports, XdpMode mode);

}  // namespace culvert::lbd
