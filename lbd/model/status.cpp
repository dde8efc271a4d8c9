// SPDX-License-Identifier: Apache-2.0
#include "lbd/model/status.hpp"

namespace culvert::lbd {

Traffic& Traffic::operator+=(const Traffic& other) {
    packets += other.packets;
    bytes += other.bytes;
    new_flows += other.new_flows;
    flows.live += other.flows.live;
    flows.closing += other.flows.closing;
    flows.entries += other.flows.entries;
    flows.estimated |= other.flows.estimated;
    return *this;
}

Traffic ServiceStatus::traffic() const {
    Traffic sum;
    for (const BackendStatus& backend : backends) sum += backend.traffic;
    return sum;
}

}  // namespace culvert::lbd
