// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "common/yaml.hpp"
#include "realserver/model/config.hpp"

namespace culvert::realserver {

/// The lines of the configuration that use a UDP port, and for what.
class PortClaims {
  public:
    /// Reports a port that another line uses for something else. The kernel allows each port once in a family, whatever
    /// it is bound to (net/ipv4/fou_core.c, fou_add_to_port_list).
    void claim(const common::yaml::Value& where, const TunnelEnd& end);

  private:
    std::map<std::pair<std::uint16_t, Family>, std::pair<std::size_t, TunnelEnd>> claims_;
};

}  // namespace culvert::realserver
