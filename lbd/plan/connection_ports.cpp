// SPDX-License-Identifier: Apache-2.0
#include "lbd/plan/connection_ports.hpp"

#include <algorithm>

namespace culvert::lbd {

std::vector<lb_service> connection_ports(const Service& service, const Image& image) {
    std::vector<lb_service> ports;
    for_each_connection_port(service, image.vips, [&](const lb_service& port) {
        if (std::ranges::find(ports, port) == ports.end()) ports.push_back(port);
    });
    return ports;
}

}  // namespace culvert::lbd
