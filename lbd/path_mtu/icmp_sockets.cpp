// SPDX-License-Identifier: Apache-2.0
#include "lbd/path_mtu/icmp_sockets.hpp"

#include <linux/filter.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <span>

#include "lbd/model/cure.hpp"

namespace culvert::lbd {
namespace {

using common::Fd;
using netlink::failure;
using netlink::IpAddress;
using netlink::Result;

constexpr int messages_per_read = 256;
/// Enough for all headers up to the client's ports. Beyond these only the checksum matters.
constexpr std::size_t longest = 2048;

Result<Fd> open_socket(int family, int protocol) {
    const char* object = family == AF_INET ? "IPv4" : "IPv6";
    Fd socket(::socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
    if (!socket.is_open())
        return failure("open ICMP socket", object, errno, {},
                       std::string(errno == EPERM ? cure_of("not_permitted_socket") : ""));
    return socket;
}

Result<Fd> open4() {
    TRY(Fd socket, open_socket(AF_INET, IPPROTO_ICMP));
    // Raw sockets receive whole IPv4 packets. The filter passes "destination unreachable", "fragmentation needed".
    std::array code{sock_filter BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
                    sock_filter BPF_STMT(BPF_LD | BPF_H | BPF_IND, 0),
                    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ICMP_DEST_UNREACH << 8 | ICMP_FRAG_NEEDED, 0, 1),
                    sock_filter BPF_STMT(BPF_RET | BPF_K, UINT32_MAX), sock_filter BPF_STMT(BPF_RET | BPF_K, 0)};
    const sock_fprog program{.len = code.size(), .filter = code.data()};
    if (::setsockopt(socket.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0)
        return failure("filter ICMP socket", "IPv4", errno);
    const int heed_none = IP_PMTUDISC_INTERFACE;
    if (::setsockopt(socket.get(), IPPROTO_IP, IP_MTU_DISCOVER, &heed_none, sizeof heed_none) < 0)
        return failure("set MTU discovery of ICMP socket", "IPv4", errno);
    return socket;
}

Result<Fd> open6() {
    TRY(Fd socket, open_socket(AF_INET6, IPPROTO_ICMPV6));
    icmp6_filter filter{};
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_PACKET_TOO_BIG, &filter);
    if (::setsockopt(socket.get(), IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter) < 0)
        return failure("filter ICMP socket", "IPv6", errno);
    return socket;
}

/// Calls `take` with each message and its sender's address.
template <typename Take>
void read_all(const Fd& socket, const Take& take) {
    std::array<std::uint8_t, longest> buffer{};
    for (int i = 0; socket.is_open() && i < messages_per_read; ++i) {
        sockaddr_in6 sender{};
        socklen_t length = sizeof sender;
        const ssize_t size =
            ::recvfrom(socket.get(), buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&sender), &length);
        if (size < 0) return;  // also after a wrong checksum; the socket stays readable for the rest
        take(std::span(buffer).first(static_cast<std::size_t>(size)), sender);
    }
}

}  // namespace

Result<IcmpSockets> IcmpSockets::open() {
    Fd poll(::epoll_create1(EPOLL_CLOEXEC));
    if (!poll.is_open()) return failure("open", "epoll", errno);
    TRY(Fd icmp4, open4());
    auto icmp6 = open6();
    if (!icmp6 && icmp6.error().code != EAFNOSUPPORT) return tl::unexpected(std::move(icmp6).error());
    for (const Fd* socket : {&icmp4, icmp6 ? &*icmp6 : nullptr}) {
        epoll_event readable{.events = EPOLLIN};
        if (socket != nullptr && ::epoll_ctl(poll.get(), EPOLL_CTL_ADD, socket->get(), &readable) < 0)
            return failure("watch", "ICMP socket", errno);
    }
    return IcmpSockets(std::move(poll), std::move(icmp4), icmp6 ? *std::move(icmp6) : Fd());
}

std::vector<Quotation> IcmpSockets::read() const {
    std::vector<Quotation> read;
    read_all(icmp4_, [&](std::span<const std::uint8_t> packet, const sockaddr_in6& /*in the packet*/) {
        if (auto quotation = read_quotation4(packet)) read.push_back(*std::move(quotation));
    });
    read_all(icmp6_, [&](std::span<const std::uint8_t> message, const sockaddr_in6& sender) {
        const auto router = IpAddress::from_bytes(sender.sin6_addr.s6_addr);
        if (auto quotation = read_quotation6(message, *router)) read.push_back(*std::move(quotation));
    });
    return read;
}

}  // namespace culvert::lbd
