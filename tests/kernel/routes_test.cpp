// SPDX-License-Identifier: Apache-2.0
#include <linux/if_addr.h>

#include <algorithm>

#include "netlink/ifaddr.hpp"
#include "netlink/route.hpp"
#include "tests/kernel/kernel_test.hpp"

namespace culvert::netlink {
namespace {

class RoutesTest : public KernelTest {
  protected:
    void SetUp() override {
        KernelTest::SetUp();
        if (IsSkipped()) return;
        make_veth();
        left_ = index_of("left");
        InterfaceAddresses addresses(route());
        ASSERT_TRUE(succeeded(addresses.add({.prefix = prefix("10.0.0.1/24"), .link = left_})));
        ASSERT_TRUE(succeeded(addresses.add({.prefix = prefix("fd00::1/64"), .link = left_, .flags = IFA_F_NODAD})));
    }

    Routes routes() { return Routes(route()); }
    Result<> add(const Route& wanted) { return route().request(Routes::addition(wanted)); }
    Result<> remove(const Route& unwanted) { return route().request(Routes::removal(unwanted)); }

    std::optional<Route> find(const Prefix& destination, std::uint32_t table = RT_TABLE_MAIN) {
        const auto all = value_of(routes().dump({.family = destination.address.family(), .table = table}));
        const auto found = std::ranges::find(all, destination, &Route::destination);
        return found != all.end() ? std::optional(*found) : std::nullopt;
    }

    std::uint32_t left_ = 0;
};

TEST_F(RoutesTest, RouteComesBackAsItWasGiven) {
    for (const auto& [destination, gateway, source] :
         {std::tuple{"192.0.2.0/24", "10.0.0.254", "10.0.0.1"}, std::tuple{"2001:db8::/32", "fd00::fe", "fd00::1"}}) {
        const Route wanted{.destination = prefix(destination),
                           .hops = {{.gateway = ip(gateway), .link = left_}},
                           .source = ip(source),
                           .table = 5000,
                           .protocol = 77,
                           .metric = 50,
                           .mtu = 1300,
                           .advertised_mss = 1200};
        ASSERT_TRUE(succeeded(add(wanted)));
        EXPECT_EQ(find(wanted.destination, 5000), wanted);
        EXPECT_EQ(find(wanted.destination), std::nullopt);

        const auto family = std::string(wanted.destination.address.is_v4() ? "-4" : "-6");
        const auto witness = iproute2(family + " route show table 5000").at(0);
        EXPECT_EQ(witness.at("dst"), destination);
        EXPECT_EQ(witness.at("gateway"), gateway);
        EXPECT_EQ(witness.at("metric"), 50);
        EXPECT_EQ(witness.at("metrics").at(0).at("mtu"), 1300);

        EXPECT_EQ(add(wanted).error().code, EEXIST);
        Route other = wanted;
        other.mtu = 1280;
        ASSERT_TRUE(succeeded(routes().replace(other)));
        EXPECT_EQ(find(wanted.destination, 5000), other);
        ASSERT_TRUE(succeeded(remove(other)));
        EXPECT_EQ(find(wanted.destination, 5000), std::nullopt);
        EXPECT_EQ(remove(other).error().code, ESRCH);
    }
}

TEST_F(RoutesTest, DefaultRoute) {
    const Route wanted{.destination = prefix("0.0.0.0/0"), .hops = {{.gateway = ip("10.0.0.254"), .link = left_}}};
    ASSERT_TRUE(succeeded(add(wanted)));
    EXPECT_EQ(find(wanted.destination), wanted);
}

TEST_F(RoutesTest, MultipathKeepsItsHopsAndWeights) {
    for (const auto& [destination, first, second] : {std::tuple{"192.0.2.0/24", "10.0.0.253", "10.0.0.254"},
                                                     std::tuple{"2001:db8::/32", "fd00::fd", "fd00::fe"}}) {
        const Route wanted{.destination = prefix(destination),
                           .hops = {{.gateway = ip(first), .link = left_, .weight = 1},
                                    {.gateway = ip(second), .link = left_, .weight = 256}},
                           .metric = 9};
        ASSERT_TRUE(succeeded(add(wanted)));
        EXPECT_EQ(find(wanted.destination), wanted);
    }
}

TEST_F(RoutesTest, Ipv4RouteOverAnIpv6Gateway) {
    const Route one{.destination = prefix("192.0.2.0/24"), .hops = {{.gateway = ip("fd00::fe"), .link = left_}}};
    ASSERT_TRUE(succeeded(add(one)));
    EXPECT_EQ(find(one.destination), one);
    const Route two{.destination = prefix("198.51.100.0/24"),
                    .hops = {{.gateway = ip("fd00::fd"), .link = left_}, {.gateway = ip("10.0.0.9"), .link = left_}}};
    ASSERT_TRUE(succeeded(add(two)));
    EXPECT_EQ(find(two.destination), two);
}

TEST_F(RoutesTest, BlackholeAndLocalPrefix) {
    const Route blackhole{.destination = prefix("203.0.113.0/24"), .type = RTN_BLACKHOLE};
    ASSERT_TRUE(succeeded(add(blackhole)));
    EXPECT_EQ(find(blackhole.destination), blackhole);
    const Route local{.destination = prefix("198.51.100.0/28"),
                      .hops = {{.link = 1}},
                      .table = RT_TABLE_LOCAL,
                      .type = RTN_LOCAL,
                      .scope = RT_SCOPE_HOST};
    ASSERT_TRUE(succeeded(links().change("lo", {.up = true})));
    ASSERT_TRUE(succeeded(add(local)));
    EXPECT_EQ(find(local.destination, RT_TABLE_LOCAL), local);
}

TEST_F(RoutesTest, TableThatDoesNotExistIsEmpty) {
    EXPECT_THAT(routes().dump({.family = Family::ipv4, .table = 4242}).value(), testing::IsEmpty());
    EXPECT_THAT(routes().dump({.family = Family::ipv6, .table = 4242}).value(), testing::IsEmpty());
}

TEST_F(RoutesTest, TheKernelSelectsByProtocolAndType) {
    ASSERT_TRUE(succeeded(links().change("lo", {.up = true})));
    for (const char* network : {"203.0.113.", "2001:db8::"}) {
        const auto host = [&](int last) { return prefix((network + std::to_string(last)).c_str()); };
        const Route wanted{.destination = host(1), .table = 5000, .type = RTN_BLACKHOLE, .protocol = 77, .metric = 50};
        Route other_type = wanted, other_protocol = wanted;
        other_type.destination = host(2);
        other_type.type = RTN_UNREACHABLE;
        other_protocol.destination = host(3);
        other_protocol.protocol = 78;
        for (const Route& one : {wanted, other_type, other_protocol}) ASSERT_TRUE(succeeded(add(one)));
        const auto found = value_of(routes().dump(
            {.family = wanted.destination.address.family(), .table = 5000, .protocol = 77, .type = RTN_BLACKHOLE}));
        ASSERT_EQ(found.size(), 1U);
        EXPECT_EQ(found.front().destination, wanted.destination);
    }
}

TEST_F(RoutesTest, LookupNamesTheNextHop) {
    for (const auto& [destination, gateway, on_link, source] :
         {std::tuple{"192.0.2.0/24", "10.0.0.254", "10.0.0.7", "10.0.0.1"},
          std::tuple{"2001:db8::/64", "fd00::fe", "fd00::7", "fd00::1"}}) {
        ASSERT_TRUE(succeeded(
            add({.destination = prefix(destination), .hops = {{.gateway = ip(gateway), .link = left_}}, .mtu = 1400})));
        const IpAddress far = prefix(destination).address;
        const auto routed = routes().lookup({.destination = far});
        ASSERT_TRUE(succeeded(routed));
        EXPECT_EQ(routed->destination, Prefix::host(far));
        EXPECT_THAT(routed->hops, testing::ElementsAre(NextHop{.gateway = ip(gateway), .link = left_}));
        EXPECT_EQ(routed->source, ip(source));
        EXPECT_EQ(routed->table, RT_TABLE_MAIN);
        EXPECT_EQ(routed->mtu, 1400);

        const auto direct = routes().lookup({.destination = ip(on_link), .link = left_});
        ASSERT_TRUE(succeeded(direct));
        EXPECT_THAT(direct->hops, testing::ElementsAre(NextHop{.link = left_}));
    }
}

TEST_F(RoutesTest, LookupFailsWhereNoPacketCanGo) {
    EXPECT_EQ(routes().lookup({.destination = ip("192.0.2.1")}).error().message(),
              "look up route to 192.0.2.1: Network is unreachable");
    EXPECT_EQ(routes().lookup({.destination = ip("2001:db8::1")}).error().message(),
              "look up route to 2001:db8::1: Network is unreachable");
    for (const char* text : {"203.0.113.0/24", "2001:db8:1::/64"})
        for (const std::uint8_t type : {RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT}) {
            const Route forbidding{.destination = prefix(text), .type = type, .metric = 5};
            ASSERT_TRUE(succeeded(add(forbidding)));
            EXPECT_FALSE(routes().lookup({.destination = forbidding.destination.address})) << text << " " << int{type};
            ASSERT_TRUE(succeeded(remove(forbidding)));
        }
}

}  // namespace
}  // namespace culvert::netlink
