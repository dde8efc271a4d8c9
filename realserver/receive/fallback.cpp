// SPDX-License-Identifier: Apache-2.0
#include "realserver/receive/fallback.hpp"

#include <algorithm>

namespace culvert::realserver {

const FallbackDevice& fallback_device(Family outer, std::uint8_t protocol) {
    return *std::ranges::find_if(fallback_devices, [&](const FallbackDevice& device) {
        return device.outer == outer && std::ranges::count(device.protocols, protocol) > 0;
    });
}

std::vector<std::string_view> devices_of_module(std::string_view module) {
    std::vector<std::string_view> devices;
    for (const FallbackDevice& device : fallback_devices)
        if (device.module == module) devices.push_back(device.name);
    if (module == "ip_gre") devices.insert(devices.end(), {"gretap0", "erspan0"});
    if (module == "ip6_gre") devices.emplace_back("ip6tnl0");  // it loads ip6_tunnel, too
    return devices;
}

}  // namespace culvert::realserver
