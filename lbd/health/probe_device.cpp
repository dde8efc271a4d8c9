// SPDX-License-Identifier: Apache-2.0
#include "lbd/health/probe_device.hpp"

#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "lbd/health/probe_address.hpp"
#include "netlink/ifaddr.hpp"
#include "netlink/links.hpp"
#include "netlink/modules.hpp"
#include "netlink/route.hpp"
#include "netlink/socket.hpp"

namespace culvert::lbd {
namespace {

using common::Fd;
using netlink::failure;
using netlink::Family;
using netlink::Result;

constexpr const char* clone = "/dev/net/tun";
/// The least IPv6 MTU (RFC 8200, section 5), so that probes and answers fit into every tunnel.
constexpr std::uint32_t mtu = 1280;
/// A user id that owns the device. Without an owner, anybody may open a TUN device.
constexpr unsigned long nobody = 0xfffffffe;

Result<Fd> open_clone() {
    const auto open = [] { return Fd(::open(clone, O_RDWR | O_NONBLOCK | O_CLOEXEC)); };
    Fd fd = open();
    if (!fd.is_open() && (errno == ENOENT || errno == ENODEV)) {
        CHECK_OK(netlink::load_module("tun"));
        fd = open();
    }
    if (!fd.is_open()) return failure("open", clone, errno);
    return fd;
}

/// Opens one more queue of the device. The first one creates it.
Result<Fd> open_queue(bool is_first) {
    TRY(auto fd, open_clone());
    ifreq request{};
    std::ranges::copy(probe_device_name, request.ifr_name);
    request.ifr_flags =
        static_cast<short>(IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE | (is_first ? IFF_TUN_EXCL : 0));  // NOLINT
    if (::ioctl(fd.get(), TUNSETIFF, &request) < 0)
        return failure("create tun link", std::string(probe_device_name), errno);
    if (is_first && ::ioctl(fd.get(), TUNSETOWNER, nobody) < 0 && ::ioctl(fd.get(), TUNSETOWNER, ::geteuid()) < 0)
        return failure("set the owner of", std::string(probe_device_name), errno);
    return fd;
}

/// A host without IPv6 has no IPv6 VIPs to check.
bool lacks_family(const netlink::Error& error) { return error.code == EACCES || error.code == EOPNOTSUPP; }

/// Adds the addresses, and the route that makes all of probe_sources() addresses of this host.
Result<> give_addresses(netlink::Socket& route, std::uint32_t link, Family family) {
    const auto added = netlink::InterfaceAddresses(route).add(
        {.prefix = probe_source(family), .link = link, .scope = RT_SCOPE_LINK, .flags = IFA_F_NODAD});
    if (!added && lacks_family(added.error())) return {};
    if (!added && added.error().code != EEXIST) return added;
    netlink::Routes routes(route);
    const netlink::Route own{.destination = probe_sources(family),
                             .hops = {{.link = link}},
                             .table = RT_TABLE_LOCAL,
                             .type = RTN_LOCAL,
                             .protocol = RTPROT_KERNEL,
                             .scope = RT_SCOPE_HOST};
    CHECK_OK(routes.replace(own));
    const netlink::Route there{.destination = probe_network(family),
                               .hops = {{.link = link}},
                               .source = probe_source(family).address,
                               .protocol = RTPROT_KERNEL,
                               .scope = RT_SCOPE_LINK,
                               .metric = family == Family::ipv6 ? 256U : 0U};  // the kernel's default
    return routes.replace(there);
}

}  // namespace

Result<ProbeDevice> open_probe_device() {
    ProbeDevice device;
    for (auto& queue : device.queues) {
        TRY(queue, open_queue(&queue == device.queues.data()));
    }
    TRY(auto route, netlink::Socket::open(NETLINK_ROUTE));
    TRY(const auto link, netlink::Links(route).get(std::string(probe_device_name)));
    device.index = link.index;
    CHECK_OK(repair(device));
    return device;
}

Result<> repair(const ProbeDevice& device) {
    TRY(auto route, netlink::Socket::open(NETLINK_ROUTE));
    CHECK_OK(
        netlink::Links(route).change(device.index, {.up = true, .mtu = mtu, .alias = "culvert lbd: health checks"}));
    for (const Family family : {Family::ipv4, Family::ipv6}) CHECK_OK(give_addresses(route, device.index, family));
    return {};
}

Result<> steer(const ProbeDevice& device, int program) {
    if (::ioctl(device.queues[0].get(), TUNSETSTEERINGEBPF, &program) < 0)
        return failure("choose the queues of", std::string(probe_device_name), errno);
    return {};
}

}  // namespace culvert::lbd
