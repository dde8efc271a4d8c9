// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "lbd/model/image.hpp"
#include "lbd/model/service.hpp"
#include "lbd/plan/extents.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// enum lb_service_flag of a service's ports of one protocol, as far as they concern its flows.
[[nodiscard]] std::uint32_t tracking(const Service& service, Protocol protocol);

/// How a service's ports with connections (TCP, SCTP) are found in an image, by the base of its ids.
using Connected = std::map<std::uint32_t, lb_service>;
[[nodiscard]] Connected connected(const std::map<VipKey, lb_service>& vips);

/// Which services have slots in transition when a plan is in force, and where these are in the map.
class Transitions {
  public:
    /// `was`: the services before. Both must outlive this.
    Transitions(const Image& before, const Connected& was, std::uint32_t limit);

    /// The first line for a service, of which `image` has all else; 0: all its slots are settled. Enters it in `image`.
    [[nodiscard]] netlink::Result<std::uint32_t> follow(const Service& service, TablePlace table, Image& image);

  private:
    [[nodiscard]] netlink::Result<std::uint32_t> place(TableChange change, bool sticky, Image& image);
    [[nodiscard]] std::uint32_t keep(std::uint32_t line, Image& image) const;

    const Image& before_;
    const Connected& was_;
    std::uint32_t limit_;
    std::optional<Extents> room_;  // made on demand
    std::map<std::pair<TableChange, bool>, std::uint32_t> placed_;
};

}  // namespace culvert::lbd
