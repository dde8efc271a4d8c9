// SPDX-License-Identifier: Apache-2.0
#include "netlink/fou.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include "tests/unit/netlink/recorded.hpp"
#include "tests/unit/netlink/values.hpp"

namespace culvert::netlink {
namespace {

TEST(FouPortTest, WithEverything) {
    const FouPort port{.port = 5004,
                       .protocol = IPPROTO_IPIP,
                       .local = ip("127.0.0.1"),
                       .peer = ip("127.0.0.2"),
                       .peer_port = 33333,
                       .link = 1};
    EXPECT_EQ(decode_fou_port(recorded("fou-ipv4")), port);
    EXPECT_EQ(port.to_string(), "5004/udp fou ipv4 to 127.0.0.1 from 127.0.0.2 port 33333");
}

TEST(FouPortTest, GueOverIpv6) {
    const FouPort port{.family = Family::ipv6, .port = 6080, .type = FouType::gue};
    EXPECT_EQ(decode_fou_port(recorded("fou-gue-ipv6")), port);
    EXPECT_EQ(port.to_string(), "6080/udp gue ipv6");
}

TEST(FouPortTest, OtherMessagesAreNone) { EXPECT_EQ(decode_fou_port(recorded("route-default")), std::nullopt); }

}  // namespace
}  // namespace culvert::netlink
