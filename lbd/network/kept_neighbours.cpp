// SPDX-License-Identifier: Apache-2.0
#include "lbd/network/kept_neighbours.hpp"

#include <linux/neighbour.h>
#include <spdlog/spdlog.h>

#include "common/log.hpp"
#include "lbd/model/log_events.hpp"
#include "netlink/neighbour.hpp"

namespace culvert::lbd {
namespace {

/// Whether an administrator has set the entry. Such entries are left alone: the kernel would make them dynamic.
bool is_static(const NeighbourKey& key, const Network& network) {
    const auto neighbour = network.neighbours.find(key);
    return neighbour != network.neighbours.end() && (neighbour->second.state & (NUD_PERMANENT | NUD_NOARP)) != 0;
}

}  // namespace

void KeptNeighbours::keep(const std::set<NeighbourKey>& wanted, const Network& network, netlink::Socket& route) {
    netlink::Neighbours neighbours(route);
    for (const NeighbourKey& key : wanted) {
        if ((kept_.contains(key) && !failed_.contains(key)) || is_static(key, network)) continue;
        const auto done = neighbours.manage(key.link, key.address);
        if (done)
            kept_.insert(key);
        else
            common::log_limited(spdlog::level::warn, {{"EVENT", log_event("neighbour_refused")}},
                                done.error().message());
    }
    failed_.clear();
    std::erase_if(kept_, [&](const NeighbourKey& key) {
        if (wanted.contains(key)) return false;
        if (!is_static(key, network)) (void)neighbours.remove(key.link, key.address);
        return true;
    });
}

void KeptNeighbours::forget_missing(const Network& network) {
    std::erase_if(kept_, [&](const NeighbourKey& key) { return !network.neighbours.contains(key); });
}

}  // namespace culvert::lbd
