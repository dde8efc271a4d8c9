// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "realserver/host/host.hpp"
#include "realserver/model/desired.hpp"
#include "realserver/plan/plan.hpp"

namespace culvert::realserver {

/// Reads `text` by read_config; fails the test on an error.
Config config(std::string_view text);

/// The desired state by that configuration, on a host about which nothing is known.
Desired desired(std::string_view text);

/// The plan for what the configuration comes to on the host.
Plan plan_of(const Config& config, const Observed& observed, const Record& record);

/// The changes as text.
std::vector<std::string> lines(const std::vector<Change>& changes);

/// A kernel in memory: it refuses what a kernel refuses, and has the relevant side effects.
class SimulatedHost : public Host {
  public:
    /// As after boot: lo up, eth0 up, no modules, every sysctl 0.
    SimulatedHost();

    netlink::Result<Observed> observe(const std::vector<netlink::Prefix>& balancers) override;
    netlink::Result<> perform(const Change& change) override;
    /// Continues after a failure.
    std::vector<netlink::Result<>> perform(std::span<const Change> changes) override;

    void put(Item item) { realserver::put(host_.state, std::move(item)); }
    void erase(const Key& key) { host_.state.erase(key); }
    void sysctl(std::string_view name, long value);
    /// A device with all its settings.
    void device(const std::string& name, bool up);

    [[nodiscard]] const HostState& state() const { return host_.state; }
    /// Without modules and their devices, which stay.
    [[nodiscard]] HostState state_but_modules() const;

    /// Called before each change. If it returns an error, the change fails with that.
    std::function<netlink::Result<>(const Change&)> before_change;
    /// Modules loaded in this kernel add no devices: net.core.fb_tunnels_only_for_init_net is set.
    bool without_fallback_devices = false;

  private:
    void load(const std::string& module);
    void write(const Sysctl& sysctl);

    Observed host_;
    std::set<std::string> devices_of_modules_;
    std::set<Key> written_;  // sysctls that no longer follow conf.default
};

}  // namespace culvert::realserver
