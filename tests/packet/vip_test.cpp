// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>

#include "tests/packet/balancer.hpp"
#include "tests/packet/flows.hpp"

/// Which service a packet is for, and which of its backends a client reaches.
namespace culvert::packet {
namespace {

using lbd::Protocol;

class Vip : public BalancerTest {
  protected:
    void SetUp() override {
        BalancerTest::SetUp();
        if (IsSkipped()) return;
        for (std::uint8_t number = 1; number <= 6; ++number) shared().set_dest(number, backend(number));
    }
    static std::string v4(const char* vip, const Packet& l4 = TCP()) {
        return receiver(shared().receive(Ethernet() / IPv4{.destination = vip} / l4));
    }
    static std::string v6(const char* vip, const Packet& l4 = TCP()) {
        return receiver(shared().receive(Ethernet() / IPv6{.destination = vip} / l4));
    }
};

TEST_F(Vip, IsTheLongestThatContainsTheAddress) {
    shared().serve("198.18.0.0/16", Protocol::tcp, 80, {1});
    shared().serve("198.18.4.0/24", Protocol::tcp, 80, {2});
    shared().serve("198.18.4.4", Protocol::tcp, 80, {3});
    EXPECT_EQ(v4("198.18.0.1"), "backend 1");
    EXPECT_EQ(v4("198.18.255.255"), "backend 1");
    EXPECT_EQ(v4("198.18.4.5"), "backend 2");
    EXPECT_EQ(v4("198.18.4.4"), "backend 3");
    EXPECT_EQ(v4("198.19.0.0"), "pass");

    shared().serve("2001:db8:1::/48", Protocol::tcp, 80, {4});
    shared().serve("2001:db8:1:4::/64", Protocol::tcp, 80, {5});
    shared().serve("2001:db8:1:4::4", Protocol::tcp, 80, {6});
    EXPECT_EQ(v6("2001:db8:1::1"), "backend 4");
    EXPECT_EQ(v6("2001:db8:1:4::5"), "backend 5");
    EXPECT_EQ(v6("2001:db8:1:4::4"), "backend 6");
    EXPECT_EQ(v6("2001:db8:2::1"), "pass");
}

TEST_F(Vip, ThatIsLongerHidesThePortsOfTheWiderOne) {
    shared().serve("198.18.0.0/16", Protocol::tcp, 8080, {1});
    shared().serve("198.18.5.5", Protocol::tcp, 80, {2});
    EXPECT_EQ(v4("198.18.5.4", TCP{.destination = 8080}), "backend 1");
    EXPECT_EQ(v4("198.18.5.5", TCP{.destination = 8080}), "pass");
}

TEST_F(Vip, WithAllPortsOfAProtocolLeavesThoseThatAreNamedToOthers) {
    shared().serve("192.0.2.50", Protocol::udp, 0, {1});
    shared().serve("192.0.2.50", Protocol::udp, 53, {2});
    EXPECT_EQ(v4("192.0.2.50", UDP{.destination = 52}), "backend 1");
    EXPECT_EQ(v4("192.0.2.50", UDP{.destination = 0}), "backend 1");
    EXPECT_EQ(v4("192.0.2.50", UDP{.destination = 53}), "backend 2");
    EXPECT_EQ(v4("192.0.2.50", TCP{.destination = 52}), "pass");
}

TEST_F(Vip, TakesSctp) {
    shared().serve("192.0.2.51", Protocol::sctp, 9899, {1});
    shared().serve("2001:db8::51", Protocol::sctp, 9899, {2});
    EXPECT_EQ(v4("192.0.2.51", SCTP()), "backend 1");
    EXPECT_EQ(v6("2001:db8::51", SCTP()), "backend 2");
    EXPECT_EQ(v4("192.0.2.51", SCTP{.destination = 9900}), "pass");
}

class Sctp : public BalancerTest {};

TEST_F(Sctp, InitStoresNothingAndAbortClosesTheFlow) {
    FlowBalancer balancer;
    balancer.serve("192.0.2.1", Protocol::sctp, 9899, {1});
    const auto chunk = [&](std::uint8_t type) { balancer.send(Ethernet() / IPv4() / SCTP{.chunk = type}); };
    chunk(1);
    EXPECT_EQ(used(entries(balancer)), 0U);
    chunk(0);
    chunk(0);
    ASSERT_EQ(used(entries(balancer)), 1U);
    EXPECT_FALSE(entries(balancer)[0].closing);
    chunk(6);
    EXPECT_TRUE(entries(balancer)[0].closing);
}

class Sticky : public BalancerTest {};

/// The backends that flows of one client with different ports reach.
std::set<std::string> receivers(Balancer& balancer, const Packet& ip) {
    std::set<std::string> all;
    for (std::uint16_t port = 1000; port < 1050; ++port)
        all.insert(receiver(balancer.receive(Ethernet() / ip / TCP{.source = port, .flags = syn})));
    return all;
}

TEST_F(Sticky, ServicesSendOneClientToOneBackend) {
    for (const std::uint32_t flags : {0U, std::uint32_t{LB_SERVICE_STICKY}}) {
        Balancer balancer;
        for (std::uint8_t number = 1; number <= 3; ++number) balancer.set_dest(number, backend(number));
        balancer.serve("192.0.2.1", Protocol::tcp, 80, {1, 2, 3}, flags);
        balancer.serve("2001:db8::1", Protocol::tcp, 80, {1, 2, 3}, flags);
        EXPECT_EQ(receivers(balancer, IPv4()).size(), flags ? 1U : 3U);
        EXPECT_EQ(receivers(balancer, IPv6()).size(), flags ? 1U : 3U);
        std::set<std::string> all;
        for (int client = 1; client < 50; ++client)
            all.merge(receivers(balancer, IPv4{.source = "198.51.100." + std::to_string(client)}));
        EXPECT_EQ(all.size(), 3U) << "other clients go to other backends";
    }
}

}  // namespace
}  // namespace culvert::packet
