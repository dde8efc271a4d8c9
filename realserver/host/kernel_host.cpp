// SPDX-License-Identifier: Apache-2.0
#include "realserver/host/kernel_host.hpp"

#include <linux/netlink.h>

#include <cerrno>

#include "netlink/links.hpp"
#include "netlink/netns.hpp"
#include "realserver/guard/ruleset.hpp"

namespace culvert::realserver {

using netlink::Result;
using netlink::Socket;
using netlink::nft::Nftables;

Result<KernelHost> KernelHost::open() {
    TRY(Socket route, Socket::open(NETLINK_ROUTE));
    TRY(Socket generic, Socket::open(NETLINK_GENERIC));
    auto nftables = Nftables::open();
    if (!nftables && nftables.error().code != EPROTONOSUPPORT) return tl::unexpected(std::move(nftables).error());
    TRY(const std::uint64_t cookie, netlink::NetworkNamespace::current_cookie());
    return KernelHost(std::move(route), std::move(generic), std::move(nftables), DecapPrograms(cookie));
}

Result<Received> KernelHost::received(const std::string& device) {
    TRY(const netlink::LinkStats stats, netlink::Links(route_).stats(device));
    return Received{.packets = stats.rx_packets, .dropped = stats.rx_dropped};
}

Result<DecapCounters> KernelHost::decapsulated(const std::string& device) {
    TRY(const netlink::Link link, netlink::Links(route_).get(device));
    return decap_.counters(link.index);
}

Result<netlink::nft::Tallies> KernelHost::tallies() {
    if (!nftables_) return netlink::nft::Tallies{};
    return nftables_->tallies(table_name);
}

}  // namespace culvert::realserver
