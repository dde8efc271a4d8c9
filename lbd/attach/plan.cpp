// SPDX-License-Identifier: Apache-2.0
#include "lbd/attach/plan.hpp"

namespace culvert::lbd {
namespace {

std::vector<XdpMode> modes_of(const Port& port, XdpMode wanted) {
    if (wanted != XdpMode::automatic) return {wanted};
    if (port.ours) return {*port.ours};
    return {XdpMode::native, XdpMode::generic};
}

}  // namespace

std::vector<PortPlan> plan_ports(const std::vector<Port>& ports, XdpMode wanted) {
    std::vector<PortPlan> plan;
    for (const Port& port : ports) {
        PortPlan one{.ifindex = port.ifindex, .name = port.name, .modes = modes_of(port, wanted)};
        one.leaves_mode = port.ours && *port.ours != one.modes.front();
        plan.push_back(std::move(one));
    }
    return plan;
}

}  // namespace culvert::lbd
