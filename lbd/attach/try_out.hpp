// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/attach/look.hpp"
#include "lbd/datapath/datapath.hpp"
#include "lbd/model/config.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Whether the ports take the program in this mode. Where none of ours runs, one that lets everything pass does for a
/// moment; nothing else is changed.
[[nodiscard]] netlink::Result<> try_out(const Datapath& program, const Ports& ports, XdpMode mode);

}  // namespace culvert::lbd
