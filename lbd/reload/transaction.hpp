// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "netlink/result.hpp"

namespace culvert::lbd {

/// A part of a change. Functions that it has no need of are empty.
struct Step {
    std::function<netlink::Result<>()> prepare;  ///< all that can fail beforehand; nobody sees a difference
    std::function<netlink::Result<>()> commit;   ///< if it fails, it has changed nothing
    std::function<netlink::Result<>()> undo;     ///< of commit
};

/// A change in several steps that is made as a whole or not at all: all are prepared, then all are committed, each time
/// in this order. Where one can't be committed, those before are undone, the last one first.
///
/// The error is the step's. After a commit's it says that the others were undone, or what has kept one from it.
[[nodiscard]] netlink::Result<> run(const std::vector<Step>& steps);

}  // namespace culvert::lbd
