// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/model/health.hpp"
#include "lbd/model/image.hpp"
#include "lbd/model/services.hpp"

namespace culvert::lbd {

/// The health that an earlier lbd left in the maps: the backends of these services that its checks had found down.
/// Backends whose name or service has changed since are left out.
[[nodiscard]] Health found_health(const Services& services, const Image& image);

}  // namespace culvert::lbd
