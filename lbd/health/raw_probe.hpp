// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/health/own_sockets.hpp"
#include "lbd/health/probe.hpp"

/// Probes that need a raw socket.
namespace culvert::lbd {

/// Sends an ICMP or ICMPv6 echo request.
[[nodiscard]] StartedProbe start_icmp_probe(EventLoop& loop, const OwnSockets& own, const Subject& subject,
                                            Probe::Done done);

/// Sends a SYN, and expects SYN and ACK. No connection is made: the kernel does not know of it, and resets it.
[[nodiscard]] StartedProbe start_syn_probe(EventLoop& loop, const OwnSockets& own, const Subject& subject,
                                           Probe::Done done);

}  // namespace culvert::lbd
