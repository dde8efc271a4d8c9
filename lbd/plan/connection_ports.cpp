// SPDX-License-Identifier: Apache-2.0
#include "lbd/plan/connection_ports.hpp"

#include <algorithm>
#include <cstdint>

#include "lbd/plan/transitions.hpp"

namespace culvert::lbd {

std::vector<lb_service> connection_ports(const Service& service, const Image& image) {
    std::vector<lb_service> ports;
    for (const PortSpec& port : service.ports) {
        if (!has_connections(port.protocol)) continue;
        const auto protocol = static_cast<std::uint8_t>(port.protocol);
        const auto end = image.vips.upper_bound({service.vip, protocol, port.last});
        for (auto one = image.vips.lower_bound({service.vip, protocol, port.port}); one != end; ++one)
            if (std::ranges::find(ports, one->second) == ports.end()) ports.push_back(one->second);
    }
    return ports;
}

}  // namespace culvert::lbd
