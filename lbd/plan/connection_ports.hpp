// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "lbd/model/image.hpp"
#include "lbd/model/service.hpp"

namespace culvert::lbd {

/// What the image has for ports of the service whose protocol has connections; equal ones once.
[[nodiscard]] std::vector<lb_service> connection_ports(const Service& service, const Image& image);

}  // namespace culvert::lbd
