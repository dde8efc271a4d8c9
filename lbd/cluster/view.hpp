// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/model/health.hpp"
#include "lbd/model/service.hpp"
#include "lbd/model/service_view.hpp"

namespace culvert::lbd {

/// How this balancer sees the service.
[[nodiscard]] ServiceView view_of(const Service& service, const Health& health);

}  // namespace culvert::lbd
