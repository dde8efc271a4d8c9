// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "common/yaml.hpp"
#include "realserver/config/ports.hpp"
#include "realserver/model/config.hpp"
#include "realserver/receive/encapsulation.hpp"

namespace culvert::realserver {

/// Reads the list `receive`. Omitted families follow from the balancers (outer) and the VIPs (inner).
class ReceiveReader {
  public:
    /// `balancers` and `vips` are none if they are invalid: then errors that depend on them are not reported.
    ReceiveReader(const std::optional<std::vector<Prefix>>& balancers, const std::optional<std::vector<Prefix>>& vips,
                  PortClaims& ports);

    std::optional<std::vector<Receive>> operator()(const common::yaml::Value& value);

  private:
    using Value = common::yaml::Value;
    using MapReader = common::yaml::MapReader;

    std::optional<Receive> read(const Value& value);
    std::optional<Receive> tunnel_end(const Value& value, MapReader& map, const Encapsulation& row);
    /// Reads the addresses and the device to which a port is bound. Returns the family, if they tell it.
    std::optional<Family> binding(MapReader& map, TunnelEnd& end) const;
    std::optional<Receive> l3dsr(const Value& value, MapReader& map);
    Via via(MapReader& map) const;
    std::set<Family> outer(const Value& value, MapReader& map, std::optional<Family> bound) const;
    std::set<Inner> inner(const Value& value, MapReader& map, const Encapsulation& row) const;
    void demand_vip(const Value& value, Family family) const;

    const std::optional<std::vector<Prefix>>& balancers_;
    const std::optional<std::vector<Prefix>>& vips_;
    std::set<Family> balancer_families_;
    std::set<Family> vip_families_;
    PortClaims& ports_;
    /// Each DSCP with its line and its VIP.
    std::map<std::pair<std::uint8_t, Family>, std::pair<std::size_t, IpAddress>> marks_;
};

}  // namespace culvert::realserver
