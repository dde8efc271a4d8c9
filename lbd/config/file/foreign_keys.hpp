// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

#include "common/yaml.hpp"

/// What netplan and other balancers call what is called otherwise in lbd.yaml.
namespace culvert::lbd {

using common::yaml::ForeignKey;

inline constexpr auto foreign_backend_keys = std::to_array<ForeignKey>({
    {"addresses", "address"},
    {"remote", "address"},
    {"ip", "address"},
    {"host", "address"},
    {"mode", "encap"},
    {"type", "encap"},
    {"port", "", "packets come to a backend with the port that clients send them to"},
    {"ports", "", "packets come to a backend with the port that clients send them to"},
    {"vip", "", "a backend has its service's VIP"},
});

inline constexpr auto foreign_service_keys = std::to_array<ForeignKey>({
    {"address", "vip"},
    {"addresses", "vip"},
    {"vips", "vip"},
    {"port", "ports"},
    {"mode", "encap"},
    {"type", "encap"},
    {"remotes", "backends"},
    {"servers", "backends"},
    {"protocol", "", "it stands with each port, as in ports: [53/udp, 53/tcp]"},
});

inline constexpr std::string_view not_here =
    "leave that to netplan: here stand interfaces, services and how to balance";

inline constexpr auto own_foreign_root_keys = std::to_array<ForeignKey>({
    {"vips", "services"},
    {"addresses", "services"},
    {"encap", "defaults"},
    {"health", "defaults"},
    {"backends", "pools"},
    {"tunnels", "", not_here},
});
inline constexpr auto foreign_root_keys = common::yaml::with_netplans(own_foreign_root_keys, not_here);

}  // namespace culvert::lbd
