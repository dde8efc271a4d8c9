// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lbd/model/services.hpp"

/// What became of services and backends in the next configuration, whatever their names are.
namespace culvert::lbd {

/// A service that has changed, and one that has its packets now, or at least its name.
struct Successor {
    const Service* former;
    const Service* present;
};

/// The successors of services that have changed: those with a port of the same VIP; if there are none, the service of
/// the same name. A service may have several successors and several predecessors; the best matches come first. The
/// pointers are into `before` and `after`.
[[nodiscard]] std::vector<Successor> successors(const Services& before, const Services& after);

/// The present name of each former backend whose address is still there.
[[nodiscard]] std::map<std::string, std::string> present_names(const Successor& service);

}  // namespace culvert::lbd
