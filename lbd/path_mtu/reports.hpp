// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "common/fd.hpp"
#include "lbd/path_mtu/icmp_sockets.hpp"
#include "lbd/path_mtu/quotation.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Routers' reports, and a timer for forgetting them.
class Reports {
  public:
    /// If no reports can be received, a warning is logged and there are none.
    [[nodiscard]] static netlink::Result<Reports> open();

    /// Readable when there is something to do.
    [[nodiscard]] std::vector<int> fds() const;
    [[nodiscard]] std::vector<Quotation> read() const;
    /// True from time to time.
    [[nodiscard]] bool is_time_to_expire() const;

  private:
    Reports(std::unique_ptr<IcmpSockets> icmp, common::Fd aging) : icmp_(std::move(icmp)), aging_(std::move(aging)) {}

    std::unique_ptr<IcmpSockets> icmp_;  // null: reports are ignored
    common::Fd aging_;                   // timer
};

}  // namespace culvert::lbd
