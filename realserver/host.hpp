// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "netlink/result.hpp"
#include "realserver/state.hpp"

namespace culvert::realserver {

/// A kernel to look at and to change.
class Host {
  public:
    virtual ~Host() = default;
    [[nodiscard]] virtual netlink::Result<Observed> observe() = 0;
    /// All or nothing.
    [[nodiscard]] virtual netlink::Result<> perform(const Change& change) = 0;
};

}  // namespace culvert::realserver
