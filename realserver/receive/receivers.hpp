// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "realserver/model/desired.hpp"

namespace culvert::realserver {

/// The encapsulation in front of the tunnel's packets. It must have one.
[[nodiscard]] common::EncapKind kind_of(const netlink::Encap& encap);

/// The port that receives the packets of a tunnel, if it is in UDP with a fixed source port.
[[nodiscard]] std::optional<TunnelEnd> receive_port(const PointToPoint& tunnel);

/// The devices that decapsulate, the families of the decapsulated packets, and the modules that this needs.
class Receivers {
  public:
    /// For the encapsulations that the kernel decapsulates.
    explicit Receivers(const Desired& desired);
    /// As if the kernel decapsulated everything that is configured.
    explicit Receivers(const Config& config);

    using Devices = std::map<std::string, std::set<Family>, std::less<>>;

    /// By name, with the families of the decapsulated packets. Fallback devices as well as devices that we add.
    [[nodiscard]] const Devices& devices() const { return devices_; }
    [[nodiscard]] const std::set<std::string_view>& modules() const { return modules_; }
    [[nodiscard]] bool carries(std::string_view device, Family family) const;

  private:
    Receivers(const std::vector<Receive>& receive, const Config& config);
    void add(const TunnelEnd& end);
    void add(const PointToPoint& tunnel);
    void add(std::string_view device, std::string_view module, const std::set<Family>& carried);

    std::set<Family> vips_;
    Devices devices_;
    std::set<std::string_view> modules_;
};

}  // namespace culvert::realserver
