// SPDX-License-Identifier: Apache-2.0
#include "netlink/fou.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/kernel/kernel_test.hpp"

namespace culvert::netlink {
namespace {

class FouTest : public KernelTest {
  protected:
    void SetUp() override {
        KernelTest::SetUp();
        if (IsSkipped()) return;
        generic_.emplace(Socket::open(NETLINK_GENERIC).value());
        if (std::system("modprobe -q -a fou fou6") != 0 && !ports().dump())
            GTEST_SKIP() << ports().dump().error().message();
    }

    FouPorts ports() { return FouPorts(*generic_); }

    std::vector<FouPort> all() { return value_of(ports().dump()); }

    std::optional<Socket> generic_;
};

TEST_F(FouTest, EveryKindOfPortComesBackAsItWasGiven) {
    ASSERT_TRUE(succeeded(links().change("lo", {.up = true})));
    const std::vector<FouPort> wanted{
        {.port = 5004, .protocol = IPPROTO_IPIP},
        {.port = 5080, .type = FouType::gue},
        {.port = 5047, .protocol = IPPROTO_GRE, .local = ip("127.0.0.1"), .link = 1},
        {.port = 5041, .protocol = IPPROTO_IPV6, .remote_checksum_partial = false},
        {.port = 5005, .protocol = IPPROTO_IPIP, .local = ip("127.0.0.1")},
        {.port = 5006,
         .protocol = IPPROTO_IPIP,
         .local = ip("127.0.0.1"),
         .peer = ip("127.0.0.2"),
         .peer_port = 33333,
         .link = 1},
        {.family = Family::ipv6, .port = 6004, .protocol = IPPROTO_IPIP},
        {.family = Family::ipv6, .port = 6080, .type = FouType::gue},
        {.family = Family::ipv6, .port = 6006, .protocol = IPPROTO_IPV6, .local = ip("::1")},
    };
    for (const FouPort& port : wanted) ASSERT_TRUE(succeeded(ports().add(port)));
    EXPECT_THAT(all(), testing::UnorderedElementsAreArray(wanted));
    EXPECT_EQ(iproute2("fou show").size(), wanted.size());

    for (const FouPort& port : wanted) EXPECT_TRUE(succeeded(ports().remove(port)));
    EXPECT_THAT(all(), testing::IsEmpty());
}

TEST_F(FouTest, IprouteReadsTheSame) {
    ASSERT_TRUE(succeeded(ports().add({.family = Family::ipv6, .port = 6041, .protocol = IPPROTO_IPV6})));
    ASSERT_TRUE(succeeded(ports().add({.port = 5080, .type = FouType::gue})));
    for (const auto& port : iproute2("fou show")) {
        if (port.at("port") == 5080) {
            EXPECT_EQ(port.at("gue"), nullptr);
            EXPECT_FALSE(port.contains("ipproto"));
        } else {
            EXPECT_EQ(port.at("port"), 6041);
            EXPECT_EQ(port.at("ipproto"), 41);
            EXPECT_EQ(port.at("family"), "inet6");
        }
    }
}

TEST_F(FouTest, DeviceDemandsALocalAddressAndPeerAPort) {
    EXPECT_EQ(ports().add({.port = 5004, .protocol = IPPROTO_IPIP, .link = 1}).error().code, EINVAL);
    EXPECT_EQ(ports().add({.port = 5004, .protocol = IPPROTO_IPIP, .peer = ip("127.0.0.2")}).error().code, EINVAL);
}

TEST_F(FouTest, AddressesOfTheWrongFamilyAreRefused) {
    EXPECT_EQ(ports().add({.port = 5080, .type = FouType::gue, .local = ip("::1")}).error().message(),
              "add fou port 5080/udp gue ipv4 to ::1: Address family not supported by protocol (the addresses of an "
              "ipv4 port are ipv4)");
    EXPECT_THAT(all(), testing::IsEmpty());
}

TEST_F(FouTest, PortThatIsTakenSaysSo) {
    const FouPort port{.port = 5004, .protocol = IPPROTO_IPIP};
    ASSERT_TRUE(succeeded(ports().add(port)));
    EXPECT_EQ(ports().add(port).error().message(), "add fou port 5004/udp fou ipv4: Address already in use");
    EXPECT_EQ(ports().remove({.port = 5005, .protocol = IPPROTO_IPIP}).error().code, EINVAL);
}

TEST_F(FouTest, PortOfAProcessCannotBeTaken) {
    const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(5080);
    ASSERT_EQ(bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(ports().add({.port = 5080, .type = FouType::gue}).error().code, EADDRINUSE);
    close(socket);
}

using FouMissingTest = KernelTest;

TEST_F(FouMissingTest, ErrorNamesTheModule) {
    auto generic = Socket::open(NETLINK_GENERIC);
    ASSERT_TRUE(succeeded(generic));
    FouPorts ports(*generic);
    const auto added = ports.add({.port = 5080, .type = FouType::gue});
    if (added) GTEST_SKIP() << "module fou is loaded here";
    EXPECT_EQ(added.error().message(),
              "add fou port 5080/udp gue ipv4: No such file or directory (module fou is not loaded: modprobe fou)");
    EXPECT_EQ(ports.dump().error().message(),
              "list fou ports: No such file or directory (module fou is not loaded: modprobe fou)");
}

}  // namespace
}  // namespace culvert::netlink
