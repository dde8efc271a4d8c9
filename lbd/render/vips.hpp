// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <tl/expected.hpp>

#include "lbd/model/config.hpp"

namespace culvert::lbd {

/// The metric of each VIP that may be announced.
using Metrics = std::map<Vip, std::uint32_t>;

/// Those of one family, or an error if the configuration announces nothing.
[[nodiscard]] tl::expected<Metrics, std::string> announced_vips(const Config& config);

[[nodiscard]] Metrics of_family(const Metrics& vips, Family family);

}  // namespace culvert::lbd
