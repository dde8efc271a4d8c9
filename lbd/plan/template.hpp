// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "bpf/abi.h"
#include "lbd/model/hops.hpp"
#include "lbd/model/service.hpp"

/// Encapsulation as data: the bytes that go in front of a client's packet for one backend, and where to patch them.
namespace culvert::lbd {

/// What the data plane needs to send packets of family `inner` to `backend`. For L3dsr both families are the same.
/// Clients are told what fits inside. IPv6 clients would not heed less than 1280 bytes, so a router's word alone keeps
/// no such packet back: of what it takes for a lie nothing is lost.
[[nodiscard]] lb_dest_body make_body(const Encap& encap, Family inner, const IpAddress& backend, const NextHop& next);

/// The path MTU that there would have to be, if the path has no room for 1280 bytes of a client's IPv6 packet. Such
/// clients can't be helped: they go no lower, and nobody fragments outer packets here, as RFC 2473 section 7.1 would
/// have it.
[[nodiscard]] std::optional<std::uint16_t> lacks_for_ipv6(const Encap& encap, Family inner, const IpAddress& backend,
                                                          const NextHop& next);

/// For a backend that can't be reached: its packets are dropped and counted under `reason`.
[[nodiscard]] lb_dest_body drop_body(lb_reason reason);

}  // namespace culvert::lbd
