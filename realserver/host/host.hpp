// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "netlink/address.hpp"
#include "netlink/result.hpp"
#include "realserver/model/state.hpp"

namespace culvert::realserver {

/// A kernel to observe and to change.
class Host {
  public:
    virtual ~Host() = default;
    /// Observes the kernel. The surroundings include the routes to `balancers`.
    [[nodiscard]] virtual netlink::Result<Observed> observe(const std::vector<netlink::Prefix>& balancers) = 0;
    /// All or nothing.
    [[nodiscard]] virtual netlink::Result<> perform(const Change& change) = 0;
    /// Makes changes that don't depend on each other. Returns an outcome for each change that it tried, in order. It
    /// may stop at the first failure or go on.
    [[nodiscard]] virtual std::vector<netlink::Result<>> perform(std::span<const Change> changes) {
        std::vector<netlink::Result<>> outcomes;
        for (const Change& change : changes) {
            outcomes.push_back(perform(change));
            if (!outcomes.back()) break;
        }
        return outcomes;
    }
};

}  // namespace culvert::realserver
