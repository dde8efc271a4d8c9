// SPDX-License-Identifier: Apache-2.0
#include "lbd/network/host_settings.hpp"

#include "netlink/sysctl.hpp"

namespace culvert::lbd {
namespace {

using netlink::Family;
using netlink::SysctlKey;

constexpr const char* parameter = "accept_redirects";

bool is_on(Family family, const std::string& device, const char* name) {
    const auto value = netlink::read_number(SysctlKey::conf(family, device, name));
    return value && *value != 0;
}

}  // namespace

std::vector<std::string> RedirectSettings::cures(const std::string& device_name) const {
    std::vector<std::string> names;
    const auto off = [&](Family family, const std::string& where) {
        names.push_back(SysctlKey::conf(family, where, parameter).to_string() + "=0");
    };
    if (accepts4() && all) off(Family::ipv4, "all");
    if (accepts4() && device && !forwards) off(Family::ipv4, device_name);
    if (accepts6()) off(Family::ipv6, device_name);
    return names;
}

RedirectSettings read_redirect_settings(const std::string& device) {
    return {.all = is_on(Family::ipv4, "all", parameter),
            .device = is_on(Family::ipv4, device, parameter),
            .forwards = is_on(Family::ipv4, device, "forwarding"),
            .device6 = is_on(Family::ipv6, device, parameter),
            .forwards6 = is_on(Family::ipv6, device, "forwarding")};
}

std::map<std::string, RedirectSettings> redirects(const Network& network) {
    std::map<std::string, RedirectSettings> all;
    for (const auto* links : {&network.ports, &network.vlans})
        for (const auto& [index, link] : *links)
            if (links == &network.ports || find_link(network, link.lower) != nullptr)
                all.emplace(link.name, read_redirect_settings(link.name));
    return all;
}

std::map<std::uint32_t, std::uint32_t> read_ipv6_mtus(const Network& network) {
    std::map<std::uint32_t, std::uint32_t> mtus;
    for (const auto* links : {&network.ports, &network.vlans})
        for (const auto& [index, link] : *links)
            if (const auto mtu = netlink::read_number(SysctlKey::conf(Family::ipv6, link.name, "mtu")))
                mtus.emplace(index, static_cast<std::uint32_t>(*mtu));
    return mtus;
}

bool kernel_has_ipv6() {
    return netlink::read_number(SysctlKey::conf(Family::ipv6, "all", "disable_ipv6")).has_value();
}

}  // namespace culvert::lbd
