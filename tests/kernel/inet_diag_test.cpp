// SPDX-License-Identifier: Apache-2.0
#include "netlink/inet_diag.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "kernel_test.hpp"

namespace culvert::netlink {
namespace {

using testing::UnorderedElementsAre;

class BoundSockets : public KernelTest {
  protected:
    struct Closed {
        int fd;
        ~Closed() { close(fd); }
    };

    static int bound(const char* address, int type, std::uint16_t port, bool only_ipv6 = false) {
        const IpAddress parsed = ip(address);
        const int fd = socket(af(parsed.family()), type | SOCK_CLOEXEC, 0);
        sockaddr_in6 six{.sin6_family = AF_INET6, .sin6_port = htons(port)};
        sockaddr_in four{.sin_family = AF_INET, .sin_port = htons(port)};
        const int only = only_ipv6 ? 1 : 0;
        if (!parsed.is_v4()) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
        inet_pton(AF_INET6, address, &six.sin6_addr);
        inet_pton(AF_INET, address, &four.sin_addr);
        const auto* where =
            parsed.is_v4() ? reinterpret_cast<const sockaddr*>(&four) : reinterpret_cast<sockaddr*>(&six);
        EXPECT_EQ(bind(fd, where, parsed.is_v4() ? sizeof four : sizeof six), 0) << strerror(errno);
        EXPECT_TRUE(type != SOCK_STREAM || listen(fd, 1) == 0) << strerror(errno);
        return fd;
    }
};

TEST_F(BoundSockets, AreThoseThatTakePacketsFromAnybody) {
    ASSERT_TRUE(succeeded(links().change("lo", {.up = true})));
    const Closed web{bound("0.0.0.0", SOCK_STREAM, 80)};
    const Closed web6{bound("::1", SOCK_STREAM, 80, true)};
    const Closed dns{bound("::", SOCK_DGRAM, 53)};
    const Closed mapped{bound("::ffff:127.0.0.1", SOCK_DGRAM, 54)};
    auto diag = Socket::open(NETLINK_SOCK_DIAG);
    ASSERT_TRUE(succeeded(diag));
    auto found = bound_sockets(*diag);
    if (!found && found.error().code == ENOENT) GTEST_SKIP() << found.error().message();
    ASSERT_TRUE(succeeded(found));
    for (BoundSocket& socket : *found) EXPECT_NE(std::exchange(socket.inode, 0), 0U);
    EXPECT_THAT(
        *found,
        UnorderedElementsAre(
            BoundSocket{.protocol = IPPROTO_TCP, .address = ip("0.0.0.0"), .port = 80},
            BoundSocket{
                .family = Family::ipv6, .protocol = IPPROTO_TCP, .address = ip("::1"), .port = 80, .only_ipv6 = true},
            BoundSocket{.family = Family::ipv6, .protocol = IPPROTO_UDP, .address = ip("::"), .port = 53},
            BoundSocket{.family = Family::ipv6, .protocol = IPPROTO_UDP, .address = ip("127.0.0.1"), .port = 54}));
}

TEST(BoundSocket, TakesWhatIsForItsAddress) {
    const BoundSocket all4{.address = ip("0.0.0.0")};
    const BoundSocket both{.family = Family::ipv6, .address = ip("::")};
    const BoundSocket all6{.family = Family::ipv6, .address = ip("::"), .only_ipv6 = true};
    const BoundSocket one{.address = ip("192.0.2.1")};
    EXPECT_TRUE(all4.takes(ip("192.0.2.1")));
    EXPECT_FALSE(all4.takes(ip("2001:db8::1")));
    EXPECT_TRUE(both.takes(ip("192.0.2.1")));
    EXPECT_TRUE(both.takes(ip("2001:db8::1")));
    EXPECT_FALSE(all6.takes(ip("192.0.2.1")));
    EXPECT_TRUE(one.takes(ip("192.0.2.1")));
    EXPECT_FALSE(one.takes(ip("192.0.2.2")));
}

}  // namespace
}  // namespace culvert::netlink
