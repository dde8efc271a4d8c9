// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/health/own_sockets.hpp"
#include "lbd/health/probe.hpp"

/// What no socket but a raw one can ask.
namespace culvert::lbd {

/// An ICMP or ICMPv6 echo.
[[nodiscard]] StartedProbe start_icmp_probe(EventLoop& loop, const OwnSockets& own, const Subject& subject,
                                            Probe::Done done);

/// A SYN that the backend answers by SYN and ACK. The connection is never made: the kernel knows nothing of it and
/// resets it.
[[nodiscard]] StartedProbe start_syn_probe(EventLoop& loop, const OwnSockets& own, const Subject& subject,
                                           Probe::Done done);

}  // namespace culvert::lbd
