// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "lbd/model/config.hpp"
#include "lbd/model/service_view.hpp"

/// The configuration as lines that can be compared, sorted by key. A line belongs to another one if its key begins with
/// that and a colon.
namespace culvert::lbd {

/// All but its name.
[[nodiscard]] std::vector<ViewLine> lines_of(const Service& service);
/// "192.0.2.1 80/tcp, 443/tcp, 3 backends"
[[nodiscard]] std::string summary_of(const Service& service);
/// All but services and the cluster's key.
[[nodiscard]] std::vector<ViewLine> lines_of(const Config& config);

}  // namespace culvert::lbd
