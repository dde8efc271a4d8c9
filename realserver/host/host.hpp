// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "netlink/address.hpp"
#include "netlink/result.hpp"
#include "realserver/model/state.hpp"

namespace culvert::realserver {

/// A kernel to look at and to change.
class Host {
  public:
    virtual ~Host() = default;
    /// The ways to `balancers` are of what is around.
    [[nodiscard]] virtual netlink::Result<Observed> observe(const std::vector<netlink::Prefix>& balancers) = 0;
    /// All or nothing.
    [[nodiscard]] virtual netlink::Result<> perform(const Change& change) = 0;
    /// Makes changes of which none depends on another. An outcome for each that was tried: in their order, up to the
    /// first that failed, or beyond.
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
