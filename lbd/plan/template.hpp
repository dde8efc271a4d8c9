// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/abi.h"
#include "lbd/model/hops.hpp"
#include "lbd/model/service.hpp"

/// Encapsulation as data: the bytes to put in front of packets for one backend, and where the program patches them.
namespace culvert::lbd {

/// What the data plane needs to send packets of family `inner` to `backend`. For L3dsr both have the same family.
/// Clients are told which size fits. IPv6 clients ignore sizes below 1280 bytes, so a smaller size that only a router
/// reports does not stop their packets: if the report was false, nothing is lost.
[[nodiscard]] lb_dest_body make_body(const Encap& encap, Family inner, const IpAddress& backend, const NextHop& next);

/// For a backend that can't be reached: its packets are dropped and counted under `reason`.
[[nodiscard]] lb_dest_body drop_body(lb_reason reason);

}  // namespace culvert::lbd
