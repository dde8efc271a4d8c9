// SPDX-License-Identifier: Apache-2.0
#include "netlink/inet_diag.hpp"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <utility>

namespace culvert::netlink {

namespace {

/// ::ffff:192.0.2.1 to 192.0.2.1
IpAddress unmapped(const IpAddress& address) {
    static const Prefix mapped = Prefix::parse("::ffff:0:0/96").value();
    return mapped.contains(address) ? IpAddress::from_bytes(address.bytes().last(4)).value() : address;
}

}  // namespace

bool BoundSocket::takes(const IpAddress& destination) const {
    if (address.is_any()) return family == destination.family() || (family == Family::ipv6 && !only_ipv6);
    return address == destination;
}

std::optional<BoundSocket> decode_bound_socket(Bytes message, std::uint8_t protocol) {
    const auto parsed = parse<inet_diag_msg>(message);
    if (!parsed || parsed->message.nlmsg_type != SOCK_DIAG_BY_FAMILY) return std::nullopt;
    const auto& [envelope, header, attributes] = *parsed;
    const auto family = family_from_af(header.idiag_family);
    if (!family) return std::nullopt;
    std::array<std::uint8_t, sizeof header.id.idiag_src> bytes{};
    std::memcpy(bytes.data(), header.id.idiag_src, bytes.size());
    const auto address = IpAddress::from_bytes(std::span(bytes).first(IpAddress::any(*family).bytes().size()));
    return BoundSocket{.family = *family,
                       .protocol = protocol,
                       .address = unmapped(address.value()),
                       .port = ntohs(header.id.idiag_sport),
                       .link = header.id.idiag_if,
                       .only_ipv6 = attributes.u8(INET_DIAG_SKV6ONLY).value_or(0) != 0,
                       .user = header.idiag_uid,
                       .inode = header.idiag_inode};
}

Result<std::vector<BoundSocket>> bound_sockets(Socket& diag) {
    // Unconnected UDP sockets are in the same state as closed TCP sockets.
    constexpr std::array<std::pair<std::uint8_t, unsigned>, 2> kinds{
        {{IPPROTO_TCP, 1U << TCP_LISTEN}, {IPPROTO_UDP, 1U << TCP_CLOSE}}};
    std::vector<BoundSocket> all;
    for (const auto& [protocol, states] : kinds) {
        for (const Family family : {Family::ipv4, Family::ipv6}) {
            Message message(SOCK_DIAG_BY_FAMILY, 0,
                            inet_diag_req_v2{.sdiag_family = static_cast<std::uint8_t>(af(family)),
                                             .sdiag_protocol = protocol,
                                             .idiag_states = states});
            auto some = diag.dump(std::move(message), "list sockets",
                                  [&](Bytes bytes) { return decode_bound_socket(bytes, protocol); });
            if (!some && some.error().code == ENOENT)
                some.error().cure = protocol == IPPROTO_TCP ? "modprobe tcp_diag" : "modprobe udp_diag";
            if (!some) return tl::unexpected(std::move(some).error());
            std::ranges::move(*some, std::back_inserter(all));
        }
    }
    return all;
}

}  // namespace culvert::netlink
