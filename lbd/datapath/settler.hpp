// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "common/fd.hpp"
#include "common/slow_call.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

using common::Fd;

/// Waits for packets that are being processed.
class Settler {
  public:
    /// `slow`: how it waits.
    [[nodiscard]] static netlink::Result<Settler> open(common::SlowCall slow);

    /// Returns when every BPF program that was running at the call has ended: some milliseconds later.
    [[nodiscard]] netlink::Result<> settle() const;

  private:
    Settler(Fd inner, Fd outer, common::SlowCall slow)
        : inner_(std::move(inner)), outer_(std::move(outer)), slow_(std::move(slow)) {}

    Fd inner_;
    Fd outer_;
    common::SlowCall slow_;
};

}  // namespace culvert::lbd
