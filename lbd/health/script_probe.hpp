// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/health/probe.hpp"

namespace culvert::lbd {

/// Runs a program in a process group of its own. Exit status 0 means that the backend serves. The environment names the
/// backend: CULVERT_SERVICE, CULVERT_BACKEND, CULVERT_BACKEND_ADDRESS, CULVERT_VIP, CULVERT_PORT, and CULVERT_ADDRESS,
/// which leads to the VIP on that backend by its encapsulation. If the probe is cancelled, the group is killed.
[[nodiscard]] StartedProbe start_script_probe(EventLoop& loop, const ScriptCheck& check, const Subject& subject,
                                              Probe::Done done);

}  // namespace culvert::lbd
