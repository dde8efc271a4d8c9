// SPDX-License-Identifier: Apache-2.0
#include "lbd/attach/look.hpp"

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "common/xdp_removal.hpp"
#include "lbd/attach/refusal.hpp"
#include "netlink/channels.hpp"
#include "netlink/links.hpp"
#include "netlink/xdp_features.hpp"

namespace culvert::lbd {

using netlink::Result;

namespace {

template <typename T>
std::optional<T> if_known(Result<T> result) {
    return result ? std::optional<T>(*std::move(result)) : std::nullopt;
}

}  // namespace

Result<Look> Look::open(const Pins& pins) {
    TRY(auto route, netlink::Socket::open(NETLINK_ROUTE));
    TRY(auto generic, netlink::Socket::open(NETLINK_GENERIC));
    return Look(pins, std::move(route), std::move(generic));
}

/// A detached link stays pinned, but then names no interface. In another network namespace an interface may have the
/// same index: a program there does not run on this one.
Result<Seen> Look::seen(netlink::Link link) const {
    Seen result{.link = std::move(link)};
    const auto& xdp = result.link.xdp;
    TRY(const auto pinned, pins_->read_link(result.link.index));
    if (!xdp || !pinned) return result;
    if (xdp->program != pinned->program && xdp->mode != XDP_ATTACHED_MULTI) return result;
    result.mode = xdp->mode == XDP_ATTACHED_SKB ? XdpMode::generic : XdpMode::native;
    result.program = pinned->program;
    return result;
}

Result<std::vector<Seen>> Look::at(const Ports& ports) {
    std::vector<Seen> all;
    for (const auto& [index, known] : ports) {
        auto link = netlink::Links(route_).get(index);
        if (!link && link.error().code == ENODEV) continue;
        if (!link) return tl::unexpected(link.error());
        TRY(Seen one, seen(*std::move(link)));
        all.push_back(std::move(one));
    }
    return all;
}

Result<std::vector<Port>> Look::judge(const Ports& ports, std::uint32_t program) {
    TRY(const auto all, at(ports));
    std::vector<Port> result;
    for (const Seen& one : all) {
        const netlink::Link& link = one.link;
        Port port{.ifindex = link.index, .name = link.name, .ours = one.mode, .is_current = one.program == program};
        if (link.xdp && !one.mode) port.taken = taken(link.name, common::xdp_removal(link));
        const Driver driver{.link = link,
                            .features = if_known(netlink::xdp_features(generic_, link.index)),
                            .peer = peer_of(link),
                            .runs = one.mode == XdpMode::native};
        port.lacks = native_lacks(driver, all.size() > 1);
        // Doubtful ports come first, so that a failure interrupts no others.
        const bool is_doubtful = driver.features && !driver.features->native;
        result.insert(is_doubtful ? result.begin() : result.end(), std::move(port));
    }
    return result;
}

std::optional<netlink::Link> Look::peer_of(const netlink::Link& link) {
    if (link.kind != "veth" || link.lower == 0 || link.lower_netns) return std::nullopt;
    return if_known(netlink::Links(route_).get(link.lower));
}

/// Only netlink has extended acknowledgements.
std::string Look::words(int program, std::uint32_t ifindex, XdpMode mode) {
    const std::uint32_t flags =
        XDP_FLAGS_UPDATE_IF_NOEXIST | (mode == XdpMode::generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
    netlink::Links links(route_);
    const auto attached = links.attach_xdp(ifindex, program, flags);
    if (!attached) return attached.error().kernel;
    (void)links.detach_xdp(ifindex, program, mode == XdpMode::generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
    return {};
}

netlink::Error Look::why(int program, std::uint32_t ifindex, XdpMode mode, int code) {
    const auto link = netlink::Links(route_).get(ifindex);
    if (!link) return link.error();
    const auto now = seen(*link);
    if (!now) return now.error();
    if (link->xdp && !now->mode) return taken(link->name, common::xdp_removal(*link));
    Refusal refusal{.link = *link,
                    .mode = mode,
                    .code = code,
                    .kernel = now->mode ? "" : words(program, ifindex, mode),
                    .page_size = static_cast<std::uint32_t>(::sysconf(_SC_PAGESIZE)),
                    .peer = peer_of(*link),
                    .channels = if_known(netlink::channels(generic_, link->name)),
                    .peer_channels = {}};
    if (refusal.peer) refusal.peer_channels = if_known(netlink::channels(generic_, refusal.peer->name));
    return refused(refusal);
}

}  // namespace culvert::lbd
