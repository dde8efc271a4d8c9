// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "common/yaml.hpp"
#include "lbd/model/config.hpp"

namespace culvert::lbd {

/// A service as read, and where its parts stand in the file.
struct ReadService {
    Service service;
    common::yaml::Value name;
    common::yaml::Value ports;
    std::vector<common::yaml::Value>
        backends;  ///< of each backend; of a pool's backends where the service names the pool
};

/// Reports what each service may say but all of them together may not: a name or port claimed twice, a backend that
/// would have to tell apart what looks alike to it, a backend's address that is a VIP.
void check_conflicts(std::span<const ReadService> services);

/// Whether check_conflicts() may have something to say of `some` of the services beside the others. There is nothing
/// wrong among either.
[[nodiscard]] bool may_conflict(const Services& some, const Services& all);

}  // namespace culvert::lbd
