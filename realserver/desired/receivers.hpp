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

/// The device that a kernel module makes in every network namespace, which receives from any sender what no other
/// device of its kind does.
struct FallbackDevice {
    std::string_view name;
    std::string_view module;
};

/// The device that receives `inner` in `outer`, whether directly or in UDP.
[[nodiscard]] FallbackDevice fallback_device(Family outer, Inner inner);

/// The device of ours that receives Geneve on a port: "geneve6081".
[[nodiscard]] std::string geneve_device(std::uint16_t port);

/// The port on which the packets of a tunnel come in, if it is in UDP with a fixed source port.
[[nodiscard]] std::optional<UdpTunnel> receive_port(const PointToPoint& tunnel);

/// The devices that appear when a module is loaded, with those of the modules that it pulls in.
[[nodiscard]] std::vector<std::string_view> devices_of_module(std::string_view module);

[[nodiscard]] std::set<Family> families(const std::vector<Prefix>& prefixes);

/// The devices that packets come out of, of which families, and the modules that this takes.
class Receivers {
  public:
    /// Of what the kernel unwraps.
    explicit Receivers(const Desired& desired);
    /// As if the kernel unwrapped all that is configured.
    explicit Receivers(const Config& config);

    using Devices = std::map<std::string, std::set<Family>, std::less<>>;

    /// By name, with the families that come out. Not only the kernel's own, but also those that are made.
    [[nodiscard]] const Devices& devices() const { return devices_; }
    [[nodiscard]] const std::set<std::string_view>& modules() const { return modules_; }
    [[nodiscard]] bool carries(std::string_view device, Family family) const;

  private:
    Receivers(const std::vector<Receive>& receive, const Config& config);
    void add(const IpTunnel& tunnel);
    void add(const UdpTunnel& tunnel);
    void add(const GeneveTunnel& tunnel);
    void add(const L3dsr&) {}
    void add(const L2&) {}
    void add(const PointToPoint& tunnel);
    void add(std::string_view device, std::string_view module, const std::set<Family>& carried);

    std::set<Family> vips_;
    Devices devices_;
    std::set<std::string_view> modules_;
};

}  // namespace culvert::realserver
