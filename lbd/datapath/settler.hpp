// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/fd.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

using common::Fd;

/// Waits for packets that are being processed.
class Settler {
  public:
    [[nodiscard]] static netlink::Result<Settler> open();

    /// Returns when every BPF program that was running at the call has ended: some milliseconds later.
    [[nodiscard]] netlink::Result<> settle() const;

  private:
    Settler(Fd inner, Fd outer) : inner_(std::move(inner)), outer_(std::move(outer)) {}

    Fd inner_;
    Fd outer_;
};

}  // namespace culvert::lbd
