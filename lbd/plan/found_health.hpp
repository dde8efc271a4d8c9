// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lbd/model/health.hpp"
#include "lbd/model/image.hpp"
#include "lbd/model/services.hpp"

namespace culvert::lbd {

/// What the lbd before has left in the maps of the health of these services' backends: those that its checks had found
/// down. One that has had another name or service since is not among them.
[[nodiscard]] Health found_health(const Services& services, const Image& image);

}  // namespace culvert::lbd
