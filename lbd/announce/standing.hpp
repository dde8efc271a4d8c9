// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>

#include "lbd/model/check_status.hpp"
#include "lbd/model/service.hpp"

namespace culvert::lbd {

/// Whether new flows of a service have somewhere to go. It is up while as many backends take flows as it needs, or else
/// a sorry backend does. It is unknown if that depends on backends that have not been checked yet.
[[nodiscard]] Condition standing_of(const Service& service,
                                    const std::function<Condition(const Backend&)>& condition_of);

/// Indexed by the name of the service.
using Standings = std::map<std::string, Condition, std::less<>>;

}  // namespace culvert::lbd
