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

/// What routers report, and when it is time to forget what they have reported.
class Reports {
  public:
    /// Where no report can be received, that is said in the log, and there are none.
    [[nodiscard]] static netlink::Result<Reports> open();

    /// Readable when there is something to do.
    [[nodiscard]] std::vector<int> fds() const;
    [[nodiscard]] std::vector<Quotation> read() const;
    /// Now and then.
    [[nodiscard]] bool is_time_to_expire() const;

  private:
    Reports(std::unique_ptr<IcmpSockets> icmp, common::Fd aging) : icmp_(std::move(icmp)), aging_(std::move(aging)) {}

    std::unique_ptr<IcmpSockets> icmp_;  // none: they are not heeded
    common::Fd aging_;                   // a timer
};

}  // namespace culvert::lbd
