// SPDX-License-Identifier: Apache-2.0
#include "lbd/health/probe_device.hpp"

#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "lbd/health/probe_address.hpp"
#include "netlink/ifaddr.hpp"
#include "netlink/links.hpp"
#include "netlink/modules.hpp"
#include "netlink/socket.hpp"

namespace culvert::lbd {
namespace {

using common::Fd;
using netlink::failure;
using netlink::Family;
using netlink::Result;

constexpr std::string_view name = "culvert-probe";
constexpr const char* clone = "/dev/net/tun";
/// IPv6's least (RFC 8200, section 5): so far everything fits into every tunnel, and so does what is answered.
constexpr std::uint32_t mtu = 1280;

Result<Fd> open_tun() {
    const auto open = [] { return Fd(::open(clone, O_RDWR | O_NONBLOCK | O_CLOEXEC)); };
    Fd fd = open();
    if (!fd.is_open() && (errno == ENOENT || errno == ENODEV)) {
        CHECK_OK(netlink::load_module("tun"));
        fd = open();
    }
    if (!fd.is_open()) return failure("open", clone, errno);
    ifreq request{};
    std::ranges::copy(name, request.ifr_name);
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (::ioctl(fd.get(), TUNSETIFF, &request) < 0) return failure("create tun link", std::string(name), errno);
    return fd;
}

/// A host without IPv6 has no IPv6 VIPs to check.
bool lacks_family(const netlink::Error& error) { return error.code == EACCES || error.code == EOPNOTSUPP; }

}  // namespace

Result<ProbeDevice> open_probe_device() {
    ProbeDevice device;
    TRY(device.fd, open_tun());
    TRY(auto route, netlink::Socket::open(NETLINK_ROUTE));
    netlink::Links links(route);
    TRY(const auto link, links.get(std::string(name)));
    device.index = link.index;
    CHECK_OK(links.change(link.index, {.up = true, .mtu = mtu, .alias = "culvert lbd: health checks"}));
    netlink::InterfaceAddresses addresses(route);
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const auto added = addresses.add(
            {.prefix = probe_source(family), .link = link.index, .scope = RT_SCOPE_LINK, .flags = IFA_F_NODAD});
        if (!added && !lacks_family(added.error())) return tl::unexpected(added.error());
    }
    return device;
}

}  // namespace culvert::lbd
