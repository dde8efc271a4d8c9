// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "common/event_loop.hpp"

namespace culvert::common {

/// Makes a call that may take long, and returns when it has ended. Who gives this function decides in which thread the
/// call is made, and what goes on in the caller's meanwhile.
using SlowCall = std::function<void(const std::function<void()>& call)>;

/// Nothing goes on meanwhile.
inline void call_here(const std::function<void()>& call) { call(); }

/// The call is made in a thread of its own, and the functions of `loop` are called meanwhile; see
/// EventLoop::run_while(). What the call uses must be its own until it has ended: those functions must not use it.
/// `loop` must outlive the result.
[[nodiscard]] SlowCall call_aside(EventLoop& loop);

}  // namespace culvert::common
