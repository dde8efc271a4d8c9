// SPDX-License-Identifier: Apache-2.0
#include "lbd/attach/plan.hpp"

#include <algorithm>

namespace culvert::lbd {
namespace {

bool ours_is_generic(const Port& port) { return port.ours == XdpMode::generic; }
bool lacks_native(const Port& port) { return port.lacks && !port.taken; }

}  // namespace

PortsPlan plan_ports(const std::vector<Port>& ports, XdpMode wanted) {
    PortsPlan plan{.mode = wanted, .why = {}, .ports = {}, .refused = {}};
    if (wanted == XdpMode::automatic) {
        const auto lacking = std::ranges::find_if(ports, lacks_native);
        if (lacking != ports.end()) plan.why = lacking->lacks;
        plan.mode = plan.why || std::ranges::any_of(ports, ours_is_generic) ? XdpMode::generic : XdpMode::native;
    }
    for (const Port& port : ports) {
        if (port.taken) {
            plan.refused.push_back(*port.taken);
            continue;
        }
        if (plan.mode == XdpMode::native && port.lacks) {
            plan.refused.push_back(*port.lacks);
            if (port.ours != plan.mode) continue;
        }
        plan.ports.push_back({.ifindex = port.ifindex,
                              .name = port.name,
                              .mode = plan.mode,
                              .leaves_mode = port.ours && port.ours != plan.mode,
                              .is_done = port.ours == plan.mode && port.is_current});
    }
    return plan;
}

}  // namespace culvert::lbd
