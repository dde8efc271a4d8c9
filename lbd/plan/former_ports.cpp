// SPDX-License-Identifier: Apache-2.0
#include "lbd/plan/former_ports.hpp"

#include <algorithm>
#include <set>
#include <unordered_set>

namespace culvert::lbd {
namespace {

bool contains(const Vip& outer, const Vip& inner) {
    return outer.prefix.length <= inner.prefix.length && outer.prefix.contains(inner.prefix.address);
}

const lb_service* find(const std::map<VipKey, lb_service>& vips, const VipKey& key) {
    const auto known = vips.find(key);
    return known == vips.end() ? nullptr : &known->second;
}

/// Nothing is before it of what the VIP contains.
VipKey first_within(const Vip& vip) { return {Vip(netlink::Prefix{vip.prefix.address, 0}), 0, 0}; }

}  // namespace

const lb_service* FormerPorts::of(const VipKey& port, std::uint32_t base) {
    if (const auto* same = own_or_all(port.vip, port)) return same;
    if (image_.vips.empty()) return nullptr;
    const auto& outer = around(port.vip);
    if (outer)
        if (const auto* found = own_or_all(*outer, port)) return found;
    if (const auto* found = within(port.vip, port, base)) return found;
    return outer ? within(*outer, port, base) : nullptr;
}

const lb_service* FormerPorts::own_or_all(const Vip& vip, const VipKey& port) const {
    const auto* own = find(image_.vips, {vip, port.protocol, port.port});
    return own != nullptr || port.port == 0 ? own : find(image_.vips, {vip, port.protocol, 0});
}

const std::optional<Vip>& FormerPorts::around(const Vip& vip) {
    if (vip_ == vip) return around_;
    vip_ = vip;
    around_.reset();
    for (std::uint8_t length = vip.prefix.length; length > 0 && !around_;) {
        const Vip outer(netlink::Prefix{vip.prefix.address, --length}.network());
        if (image_.vips.contains({outer, 0, 0})) around_ = outer;
    }
    return around_;
}

const lb_service* FormerPorts::within(const Vip& vip, const VipKey& port, std::uint32_t base) const {
    if (port.port != 0 && vip.prefix.is_host()) return nullptr;
    const lb_service* found = nullptr;
    for (auto one = gone_.lower_bound(first_within(vip)); one != gone_.end(); ++one) {
        const auto& [key, value] = *one;
        if (!vip.prefix.contains(key.vip.prefix.address)) break;
        const bool meets = (contains(port.vip, key.vip) || contains(key.vip, port.vip)) &&
                           key.protocol == port.protocol && (key.port == port.port || key.port == 0 || port.port == 0);
        if (meets && (found == nullptr || (found->dest_base != base && value.dest_base == base))) found = &value;
    }
    return found;
}

Services neighbours(const Services& before, const Services& gone, const Services& come) {
    Services found;
    if (come.empty() || !(before.have(Trait::network) || before.have(Trait::all_ports))) return found;
    std::set<Vip> vips;
    for (const Service& service : come) vips.insert(service.vip);
    const std::unordered_set<Services::Shared> left(gone.shared().begin(), gone.shared().end());
    for (const Services::Shared& service : before.shared()) {
        const bool has_all = std::ranges::find(service->ports, 0, &PortSpec::port) != service->ports.end();
        if ((service->vip.prefix.is_host() && !has_all) || left.contains(service)) continue;
        for (auto vip = vips.lower_bound(first_within(service->vip).vip);
             vip != vips.end() && service->vip.prefix.contains(vip->prefix.address); ++vip)
            if (contains(service->vip, *vip)) {
                found.push_back(service);
                break;
            }
    }
    return found;
}

}  // namespace culvert::lbd
