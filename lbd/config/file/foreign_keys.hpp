// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

#include "common/yaml.hpp"

/// Keys of netplan and of other balancers, and the keys of lbd.yaml that replace them.
namespace culvert::lbd {

using common::yaml::ForeignKey;

inline constexpr auto foreign_backend_keys = std::to_array<ForeignKey>({
    {"addresses", "address"},
    {"remote", "address"},
    {"ip", "address"},
    {"host", "address"},
    {"mode", "encap"},
    {"type", "encap"},
    {"port", "", "a backend receives packets on the port that clients send them to"},
    {"ports", "", "a backend receives packets on the port that clients send them to"},
    {"vip", "", "it is the VIP of the service"},
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
    {"protocol", "", "write it with each port, as in ports: [53/udp, 53/tcp]"},
});

inline constexpr std::string_view not_here =
    "leave that to netplan: lbd.yaml has interfaces, services and how to balance";

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
