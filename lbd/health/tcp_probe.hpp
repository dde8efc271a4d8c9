// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/health/own_sockets.hpp"
#include "lbd/health/probe.hpp"

namespace culvert::lbd {

/// Connects, then resets the connection, so that nothing stays behind at either end.
[[nodiscard]] StartedProbe start_tcp_probe(EventLoop& loop, const OwnSockets& own, const Subject& subject,
                                           Probe::Done done);

}  // namespace culvert::lbd
