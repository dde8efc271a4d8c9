// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>
#include <tl/expected.hpp>

#include "lbd/control/request.hpp"
#include "lbd/reload/balancer.hpp"

namespace culvert::lbd {

/// A list with the explanation of each frame, or the reason why there is none.
[[nodiscard]] tl::expected<nlohmann::ordered_json, std::string> explain_frames(const Balancer& balancer,
                                                                               const ExplainRequest& request);

}  // namespace culvert::lbd
