// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "lbd/model/image.hpp"
#include "lbd/model/services.hpp"

namespace culvert::lbd {

/// How packets of a port found their service before a change, also if the configuration had other ports or another
/// prefix for them.
class FormerPorts {
  public:
    /// What the arguments refer to must outlive this. `gone`: the ports of services that change.
    FormerPorts(const Image& image, const std::map<VipKey, lb_service>& gone) : image_(image), gone_(gone) {}

    /// Null: there was no service. If a port had several, one of the service that has the destinations `base` is
    /// preferred.
    [[nodiscard]] const lb_service* of(const VipKey& port, std::uint32_t base);

  private:
    [[nodiscard]] const lb_service* own_or_all(const Vip& vip, const VipKey& port) const;
    /// The longest other VIP that contains this one.
    [[nodiscard]] const std::optional<Vip>& around(const Vip& vip);
    /// A port within the VIP that is gone, if packets of it may be of this port now.
    [[nodiscard]] const lb_service* within(const Vip& vip, const VipKey& port, std::uint32_t base) const;

    const Image& image_;
    const std::map<VipKey, lb_service>& gone_;
    std::optional<Vip> vip_;     // of the last look for
    std::optional<Vip> around_;  // what is around it
};

/// Those of `before` that stay, and whose packets may go to services that come: a service for all ports, or a network.
[[nodiscard]] Services neighbours(const Services& before, const Services& gone, const Services& come);

}  // namespace culvert::lbd
