// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "netlink/result.hpp"

namespace culvert::lbd {

/// A part of a change. Functions that a step does not need are empty.
struct Step {
    std::function<netlink::Result<>()> prepare;  ///< does all that can fail beforehand; nobody sees a difference
    std::function<netlink::Result<>()> commit;   ///< if it fails, it has changed nothing
    std::function<netlink::Result<>()> undo;     ///< undoes commit
};

/// Prepares all steps, in this order.
[[nodiscard]] netlink::Result<> prepare(const std::vector<Step>& steps);

/// Makes a change as a whole or not at all. First all steps are prepared, then all are committed, both in this order.
/// If a commit fails, the steps before it are undone in reverse order.
///
/// The error is that of the failed step. After a failed commit it also says whether all was undone.
[[nodiscard]] netlink::Result<> run(const std::vector<Step>& steps);

}  // namespace culvert::lbd
