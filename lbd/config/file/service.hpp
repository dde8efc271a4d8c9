// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/yaml.hpp"
#include "lbd/config/file/backends.hpp"
#include "lbd/model/service.hpp"

namespace culvert::lbd {

/// Values for services that do not set them.
struct Defaults {
    std::optional<Encap> encap;
    std::optional<HealthCheck> health;
    std::uint32_t table_size = Service{}.table_size;
    std::chrono::milliseconds idle = Service{}.idle;
    std::optional<std::uint32_t> metric;  ///< of the VIPs' routes; absent: no VIP is announced
};

/// A service as read, and the values at which errors about its parts are reported.
struct ReadService {
    Service service;
    common::yaml::Value name;
    common::yaml::Value ports;
    common::yaml::Value announce;
    std::vector<common::yaml::Value> backends;  ///< each backend; for a pool, the name of the pool in the service
};

/// Reads `{encap: {type: gue, port: 5080}, table: 65537}`.
[[nodiscard]] std::optional<Defaults> read_defaults(const common::yaml::Value& value);

/// Reads `{name: dns, vip: 192.0.2.1, ports: [53/udp], backends: [{address: 10.0.2.30}]}`.
[[nodiscard]] std::optional<ReadService> read_service(const common::yaml::Value& value, const Defaults& defaults,
                                                      const Pools& pools);

/// Reports the conflicts between services, and too many backends in all of them.
void check_together(const std::vector<ReadService>& services);

}  // namespace culvert::lbd
