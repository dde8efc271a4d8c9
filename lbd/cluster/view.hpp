// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "lbd/model/health.hpp"
#include "lbd/model/service.hpp"
#include "lbd/model/service_view.hpp"

namespace culvert::lbd {

/// ServiceView::table alone.
[[nodiscard]] std::uint64_t table_digest(const Service& service, const Health& health);
/// How this balancer sees the service.
[[nodiscard]] ServiceView view_of(const Service& service, const Health& health);

}  // namespace culvert::lbd
