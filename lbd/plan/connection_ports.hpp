// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "lbd/model/image.hpp"
#include "lbd/model/service.hpp"
#include "lbd/plan/transitions.hpp"

namespace culvert::lbd {

/// Calls `use` for what `vips`, of an image, has for each port of the service whose protocol has connections.
template <typename Vips, typename Use>
void for_each_connection_port(const Service& service, Vips& vips, const Use& use) {
    for (const PortSpec& port : service.ports) {
        if (!has_connections(port.protocol)) continue;
        const auto protocol = static_cast<std::uint8_t>(port.protocol);
        const auto end = vips.upper_bound({service.vip, protocol, port.last});
        for (auto one = vips.lower_bound({service.vip, protocol, port.port}); one != end; ++one) use(one->second);
    }
}

/// What the image has for ports of the service whose protocol has connections; equal ones once.
[[nodiscard]] std::vector<lb_service> connection_ports(const Service& service, const Image& image);

}  // namespace culvert::lbd
