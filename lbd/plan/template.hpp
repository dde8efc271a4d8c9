// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bpf/abi.h"
#include "lbd/model/hops.hpp"
#include "lbd/model/service.hpp"

/// Encapsulation as data: the bytes that go in front of a client's packet for one backend, and where to patch them.
namespace culvert::lbd {

/// What the data plane needs to send packets of family `inner` to `backend`. For L3dsr both families are the same.
/// Clients are told what fits inside. IPv6 clients would not heed less than 1280 bytes, so a router's word alone keeps
/// no such packet back: of what it takes for a lie nothing is lost.
[[nodiscard]] lb_dest_body make_body(const Encap& encap, Family inner, const IpAddress& backend, const NextHop& next);

/// For a backend that can't be reached: its packets are dropped and counted under `reason`.
[[nodiscard]] lb_dest_body drop_body(lb_reason reason);

}  // namespace culvert::lbd
