// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "common/yaml.hpp"
#include "realserver/config/ports.hpp"
#include "realserver/model/config.hpp"

namespace culvert::realserver {

/// Reads the list `tunnels`.
class TunnelsReader {
  public:
    /// `vips` are none if they are invalid: then errors that depend on them are not reported.
    TunnelsReader(const std::optional<std::vector<Prefix>>& vips, PortClaims& ports) : vips_(vips), ports_(ports) {}

    std::optional<std::vector<PointToPoint>> operator()(const common::yaml::Value& value);

  private:
    using Value = common::yaml::Value;
    using MapReader = common::yaml::MapReader;

    std::optional<PointToPoint> read(const Value& value);
    void endpoint(MapReader& map, const char* key, std::optional<netlink::TunnelKind> kind,
                  std::optional<IpAddress>& target) const;
    void key(MapReader& map, netlink::Tunnel& tunnel) const;
    void encap(const Value& value, PointToPoint& tunnel);
    void choose_inner(const Value& value, netlink::Tunnel& tunnel) const;
    void compare(const Value& value, const PointToPoint& tunnel) const;

    const std::optional<std::vector<Prefix>>& vips_;
    PortClaims& ports_;
    std::vector<PointToPoint> tunnels_;
    std::vector<std::size_t> lines_;
};

}  // namespace culvert::realserver
