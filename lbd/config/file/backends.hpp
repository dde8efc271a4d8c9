// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/yaml.hpp"
#include "lbd/config/file/map.hpp"
#include "lbd/model/service.hpp"

namespace culvert::lbd {

/// A backend as written. Without `encap` it has the encapsulation of the service, which is unknown in a pool.
struct WrittenBackend {
    Backend backend;
    std::optional<Encap> encap;
    common::yaml::Value value;
};

using Pools = std::map<std::string, std::vector<WrittenBackend>, std::less<>>;

/// Reads a list of backends: at least one, no two with the same address or name.
[[nodiscard]] std::optional<std::vector<WrittenBackend>> read_backends(const common::yaml::Value& value);

/// Reads `{web: [{address: 10.0.2.30}]}`.
[[nodiscard]] std::optional<Pools> read_pools(const common::yaml::Value& value);

/// Reads the encapsulation of a map, if there is one. A bad one is reported and becomes L2, which causes no further
/// errors.
void read_encap_key(Map& map, const Key& key, std::optional<Encap>& encap);

}  // namespace culvert::lbd
