// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "common/yaml.hpp"
#include "realserver/model/config.hpp"

namespace culvert::realserver {

/// Which line of the configuration uses which UDP port for what.
class PortClaims {
  public:
    /// Reports a port that another line uses for something else. Of one family, the kernel has each port once, whatever
    /// it is bound to (net/ipv4/fou_core.c, fou_add_to_port_list).
    void claim(const common::yaml::Value& where, const UdpTunnel& tunnel);
    /// A geneve device has its port over both families.
    void claim(const common::yaml::Value& where, const GeneveTunnel& tunnel);

  private:
    using Content = std::optional<UdpTunnel>;  // none: Geneve

    /// False if it was reported.
    bool claim(const common::yaml::Value& where, std::uint16_t port, Family outer, const Content& content);

    std::map<std::pair<std::uint16_t, Family>, std::pair<std::size_t, Content>> claims_;
};

}  // namespace culvert::realserver
