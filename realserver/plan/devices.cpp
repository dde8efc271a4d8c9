// SPDX-License-Identifier: Apache-2.0
#include "realserver/plan/devices.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "realserver/receive/fallback.hpp"
#include "realserver/receive/receivers.hpp"

namespace culvert::realserver {

namespace {

using netlink::SysctlKey;
using netlink::TunnelInner;

Key link_key(const std::string& device) { return {Kind::link, device}; }
Key rp_filter_key(const std::string& device) { return {Kind::sysctl, SysctlKey::rp_filter(device).to_string()}; }

/// The value that a new device gets.
Sysctl inherited_rp_filter(const std::string& device, const HostState& state) {
    const auto inherited = find(state, rp_filter_key("default"));
    return {SysctlKey::rp_filter(device), inherited ? std::get<Sysctl>(*inherited).value : 0};
}

void put_new_device(HostState& state, const std::string& device) {
    put(state, Link{device, false});
    put(state, inherited_rp_filter(device, state));
}

bool can_stay(const Device& device, const std::vector<Device>& wanted) {
    const auto successor = std::ranges::find(wanted, device.name, &Device::name);
    return successor != wanted.end() && can_become(device, *successor) &&
           std::ranges::none_of(wanted, [&](const Device& other) {
               return other.name != device.name && receive_the_same(device, other);
           });
}

/// Also resets its settings, before the removal: so a rollback restores them, too.
void remove(const Device& device, DevicePlan& plan) {
    const Item fresh_link = Link{device.name, false};
    const Item fresh_filter = inherited_rp_filter(device.name, plan.found);
    for (const Item& fresh : {fresh_link, fresh_filter})
        if (const auto now = find(plan.found, key(fresh)); now && now != fresh) plan.removals.push_back({now, fresh});
    plan.removals.push_back({device, std::nullopt});
    plan.found.erase(key(device));
    for (const Key& setting : settings_of(device.name)) plan.found.erase(setting);
}

netlink::Error conflict(const Device& wanted, std::string found, std::string cure) {
    return {.operation = "create",
            .object = key(wanted).to_string(),
            .code = EEXIST,
            .kernel = std::move(found),
            .cure = std::move(cure)};
}

/// The foreign device that is in the way, if any.
std::optional<netlink::Error> obstacle(const Device& wanted, const HostState& state, bool is_there) {
    if (!is_there && state.contains(link_key(wanted.name))) {
        const auto holder = find(state, key(wanted));
        return conflict(wanted,
                        fmt::format("the kernel has a device of this name ({}), which realserver did not make",
                                    holder ? value(*holder) : "no tunnel"),
                        fmt::format("ip link del {}, or choose another name", wanted.name));
    }
    for (const auto& [key, item] : state) {
        const auto* device = std::get_if<Device>(&item);
        if (device == nullptr || device->name == wanted.name || !receive_the_same(*device, wanted)) continue;
        return conflict(wanted,
                        fmt::format("the device {} ({}), which realserver did not make, receives the same packets",
                                    device->name, value(item)),
                        fmt::format("ip link del {}", device->name));
    }
    return std::nullopt;
}

}  // namespace

HostState with_modules(HostState state, const Desired& desired) {
    const Receivers receivers(desired);
    for (const std::string_view module : receivers.modules()) {
        if (state.contains({Kind::module, std::string(module)})) continue;
        for (const std::string_view name : devices_of_module(module)) {
            const std::string device(name);
            if (state.contains(link_key(device))) continue;
            put_new_device(state, device);
            if (device == "ip6tnl0") put(state, TunnelMode{device, TunnelInner::ipv6});
        }
    }
    return state;
}

DevicePlan plan_devices(const HostState& found, const std::vector<Device>& wanted, const Observed& observed,
                        const Record& record) {
    DevicePlan plan{.found = found, .record = record, .removals = {}, .conflicts = {}};
    for (const auto& [key, item] : found) {
        const auto* device = std::get_if<Device>(&item);
        if (device != nullptr && is_ours(item, observed, record) && !can_stay(*device, wanted)) remove(*device, plan);
    }
    for (const Device& device : wanted) {
        const auto now = find(plan.found, key(device));
        if (now == Item(device)) continue;
        const bool is_there = now && is_ours(*now, observed, record);
        if (auto error = obstacle(device, plan.found, is_there)) plan.conflicts.push_back(*std::move(error));
        if (now) continue;
        put_new_device(plan.found, device.name);
        forget_settings_of(device.name, plan.record);
    }
    return plan;
}

}  // namespace culvert::realserver
