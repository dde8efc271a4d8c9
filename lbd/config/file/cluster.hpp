// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "common/yaml.hpp"
#include "lbd/model/config.hpp"

namespace culvert::lbd {

/// `{key_file: /etc/culvert/cluster.key, peers: [10.0.0.3]}`; the file is not read
[[nodiscard]] std::optional<Cluster> read_cluster(const common::yaml::Value& value);

}  // namespace culvert::lbd
