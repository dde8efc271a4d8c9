// SPDX-License-Identifier: Apache-2.0
#include "lbd/attach/attachments.hpp"

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <utility>

#include "netlink/links.hpp"
#include "netlink/socket.hpp"

namespace culvert::lbd {
namespace {

using netlink::Link;
using netlink::Result;

/// An interface that goes before its event has reached us is no failure.
bool is_there(std::uint32_t index) {
    std::array<char, IF_NAMESIZE> name{};
    return ::if_indextoname(index, name.data()) != nullptr;
}

Port port_of(const Link& link, const Pins& pins) {
    Port port{.ifindex = link.index, .name = link.name, .ours = {}};
    if (!pins.is_attached(link.index)) return port;
    port.ours = link.xdp && link.xdp->mode == XDP_ATTACHED_SKB ? XdpMode::generic : XdpMode::native;
    return port;
}

}  // namespace

bool Attachments::has(std::uint32_t ifindex) const {
    return std::ranges::find(list_, ifindex, &Attachment::ifindex) != list_.end();
}

Result<Attachments::Prepared> Attachments::prepare(const Ports& ports, XdpMode mode) const {
    TRY(auto socket, netlink::Socket::open(NETLINK_ROUTE));
    std::vector<Port> found;
    for (const auto& [index, known] : ports) {
        const auto link = netlink::Links(socket).get(index);
        if (!link && !is_there(index)) continue;
        if (!link) return tl::unexpected(link.error());
        found.push_back(port_of(*link, pins_));
        if (link->xdp && !found.back().ours) return tl::unexpected(Datapath::taken(link->name));
    }
    return Prepared{.ports = plan_ports(found, mode)};
}

Result<> Attachments::commit(Datapath& program, const Prepared& prepared) {
    std::vector<Attachment> attached;
    for (const PortPlan& port : prepared.ports) {
        auto one = attach(program, port);
        if (!one && !is_there(port.ifindex)) continue;
        if (!one) {
            for (const Attachment& other : attached)
                if (!has(other.ifindex)) (void)program.detach(pins_, other.ifindex);
            return tl::unexpected(std::move(one.error()));
        }
        attached.push_back(*std::move(one));
    }
    list_ = std::move(attached);
    return detach_from_others(program);
}

Result<Attachment> Attachments::attach(Datapath& program, const PortPlan& port) const {
    if (port.leaves_mode) {
        spdlog::warn(port.name + ": another XDP mode: for a moment its packets are not balanced");
        CHECK_OK(program.detach(pins_, port.ifindex));
    }
    for (auto mode = port.modes.begin();; ++mode) {
        const auto attached = program.attach(pins_, port.ifindex, port.name, *mode);
        if (attached) return Attachment{.ifindex = port.ifindex, .name = port.name, .mode = *mode};
        if (mode + 1 == port.modes.end() || Datapath::is_taken(attached.error().code))
            return tl::unexpected(attached.error());
        spdlog::warn(attached.error().message() + "; generic XDP is used, which is slower");
    }
}

Result<> Attachments::detach_from_others(Datapath& program) const {
    for (const PinnedLink& link : pins_.links())
        if (!has(link.ifindex)) CHECK_OK(program.detach(link));
    return {};
}

Result<> Attachments::exchange(Datapath& program) {
    for (const auto& [index, name, mode] : list_)
        if (auto attached = program.attach(pins_, index, name, mode); !attached && is_there(index)) return attached;
    return {};
}

Result<bool> Attachments::follow(Datapath& program, const Ports& ports, XdpMode mode) {
    bool changed = std::erase_if(list_, [&](const Attachment& one) {
                       if (ports.contains(one.ifindex)) return false;
                       spdlog::warn("interface " + one.name + " is gone: what would leave by it is dropped");
                       return true;
                   }) > 0;
    std::vector<Port> come;
    for (const auto& [index, link] : ports)
        if (!has(index)) come.push_back(port_of(link, pins_));
    for (const PortPlan& port : plan_ports(come, mode)) {
        if (auto attached = attach(program, port)) {
            list_.push_back(*std::move(attached));
            spdlog::info("interface " + port.name + " is there: balancing on it");
            changed = true;
        } else if (auto complaint = attached.error().message(); is_there(port.ifindex) && complaint != complaint_) {
            spdlog::error(complaint_ = std::move(complaint));
        }
    }
    if (changed) CHECK_OK(detach_from_others(program));
    return changed;
}

}  // namespace culvert::lbd
