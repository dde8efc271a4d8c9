// SPDX-License-Identifier: Apache-2.0
#include <linux/if_link.h>
#include <net/if.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <utility>

#include "lbd/daemon.hpp"

/// What the balancer does where packets come in.
namespace culvert::lbd {
namespace {

using netlink::Result;

/// An interface that goes before its event has reached us is no failure.
bool is_there(std::uint32_t index) {
    std::array<char, IF_NAMESIZE> name{};
    return ::if_indextoname(index, name.data()) != nullptr;
}

}  // namespace

Result<> Daemon::put_in_place() {
    TRY(Generation next, pins_.make_next());
    CHECK_OK(datapath_.pin(next));
    for (const auto& [index, name, mode] : attachments_)
        if (auto attached = datapath_.attach(pins_, index, name, mode); !attached && is_there(index)) return attached;
    CHECK_OK(datapath_.leave_former());
    generation_ = std::move(next);
    return {};
}

Result<> Daemon::attach() {
    attachments_.clear();
    for (const auto& [index, link] : resolver_.network().ports) {
        TRY(const XdpMode mode, attach_to(link));
        attachments_.push_back({.ifindex = index, .name = link.name, .mode = mode});
    }
    for (const std::string& name : resolver_.missing())
        spdlog::warn("interface " + name + " is not there: waiting for it");
    CHECK_OK(detach_from_others());
    pins_.keep_only(*generation_);
    return {};
}

Result<XdpMode> Daemon::attach_to(const netlink::Link& link) {
    if (pins_.is_attached(link.index)) {
        const XdpMode present = link.xdp && link.xdp->mode == XDP_ATTACHED_SKB ? XdpMode::generic : XdpMode::native;
        if (config_.xdp == present || config_.xdp == XdpMode::automatic) {
            CHECK_OK(datapath_.attach(pins_, link.index, link.name, present));
            return present;
        }
        spdlog::warn(link.name + ": another XDP mode: for a moment its packets are not balanced");
        CHECK_OK(datapath_.detach(pins_, link.index));
    }
    if (config_.xdp != XdpMode::generic) {
        const auto native = datapath_.attach(pins_, link.index, link.name, XdpMode::native);
        if (native) return XdpMode::native;
        if (config_.xdp == XdpMode::native || Datapath::is_taken(native.error().code))
            return tl::unexpected(native.error());
        spdlog::warn(native.error().message() + "; generic XDP is used, which is slower");
    }
    CHECK_OK(datapath_.attach(pins_, link.index, link.name, XdpMode::generic));
    return XdpMode::generic;
}

Result<> Daemon::detach_from_others() {
    for (const PinnedLink& link : pins_.links())
        if (!resolver_.network().ports.contains(link.ifindex)) CHECK_OK(datapath_.detach(link));
    return {};
}

Result<> Daemon::follow_interfaces() {
    const auto& ports = resolver_.network().ports;
    const std::size_t gone = std::erase_if(attachments_, [&](const Attachment& one) {
        if (ports.contains(one.ifindex)) return false;
        spdlog::warn("interface " + one.name + " is gone: what would leave by it is dropped");
        return true;
    });
    std::size_t come = 0;
    for (const auto& [index, link] : ports) {
        if (std::ranges::find(attachments_, index, &Attachment::ifindex) != attachments_.end()) continue;
        if (const auto mode = attach_to(link)) {
            attachments_.push_back({.ifindex = index, .name = link.name, .mode = *mode});
            spdlog::info("interface " + link.name + " is there: balancing on it");
            ++come;
        } else if (auto complaint = mode.error().message(); is_there(index) && complaint != complaint_) {
            spdlog::error(complaint_ = std::move(complaint));
        }
    }
    if (gone + come == 0) return {};
    CHECK_OK(detach_from_others());
    if (checker_)
        if (const auto renewed = checker_->renew(datapath_.dests(), ports_to_probe()); !renewed)
            spdlog::error(renewed.error().message());
    return {};
}

std::vector<ProbePath::Port> Daemon::ports_to_probe() const {
    std::vector<ProbePath::Port> ports;
    for (const Attachment& one : attachments_) ports.push_back({.ifindex = one.ifindex, .name = one.name});
    return ports;
}

}  // namespace culvert::lbd
