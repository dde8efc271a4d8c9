// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "common/yaml.hpp"
#include "lbd/model/announce.hpp"

namespace culvert::lbd {

struct ReadAnnounce {
    Announce announce;
    std::uint32_t metric = usual_metric;  ///< of services that do not set it
};

/// Reads `{table: 186, protocol: 114, hold: 3s, when: any, metric: 100}`.
[[nodiscard]] std::optional<ReadAnnounce> read_announce(const common::yaml::Value& value);

/// Reads `no` or `{metric: 200}` of a service. `metric`: what it has otherwise; nothing if lbd announces no VIP at all.
[[nodiscard]] std::optional<ServiceAnnounce> read_service_announce(const common::yaml::Value& value,
                                                                   std::optional<std::uint32_t> metric);

}  // namespace culvert::lbd
