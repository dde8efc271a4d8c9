// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/health/own_sockets.hpp"
#include "lbd/health/probe.hpp"

namespace culvert::lbd {

/// Queries a record, and expects an answer without an error (NOERROR; RFC 1035, section 4.1.1).
[[nodiscard]] StartedProbe start_dns_probe(EventLoop& loop, const OwnSockets& own, const DnsCheck& check,
                                           const Subject& subject, Probe::Done done);

}  // namespace culvert::lbd
