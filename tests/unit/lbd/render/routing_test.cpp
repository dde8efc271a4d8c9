// SPDX-License-Identifier: Apache-2.0
#include "lbd/render/routing.hpp"

#include <gmock/gmock.h>

#include <string>

#include "tests/unit/lbd/address.hpp"

namespace culvert::lbd {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Config config(std::uint32_t table = Announce{}.table) {
    Config config;
    config.announce = Announce{.table = table, .protocol = 115};
    config.services = {{.name = "four", .vip = address("192.0.2.1")},
                       {.name = "six", .vip = address("2001:db8::1"), .announce = {.metric = 200}},
                       {.name = "own", .vip = address("192.0.2.9"), .announce = {.wanted = false}}};
    return config;
}

Speaker speaker(std::vector<Router> routers = {{address("10.0.0.1"), 65000}, {address("fd00::1"), 65000}}) {
    return {.id = address("10.0.0.2"), .as = 65001, .routers = std::move(routers)};
}

TEST(RenderBird, TakesLbdsRoutesOfBothFamilies) {
    const std::string text = *render_bird(config(), speaker());
    EXPECT_THAT(text,
                AllOf(HasSubstr("router id 10.0.0.2;"), HasSubstr("krt_source = 115"), HasSubstr("krt_metric > 100"),
                      HasSubstr("kernel table 186;"), HasSubstr("neighbor fd00::1 as 65000;")));
    EXPECT_THAT(*render_bird(config(Announce::main_table), speaker()), Not(HasSubstr("kernel table")));
}

TEST(RenderFrr, NamesTheVipsAndWhichAreTheLastResort) {
    const std::string text = *render_frr(config(Announce::main_table), speaker());
    EXPECT_THAT(text, AllOf(HasSubstr("ip prefix-list culvert4 seq 5 permit 192.0.2.1/32\n"),
                            HasSubstr("ipv6 prefix-list culvert6-last seq 5 permit 2001:db8::1/128\n"),
                            HasSubstr("router bgp 65001\n"), HasSubstr(" neighbor fd00::1 remote-as 65000\n"),
                            Not(HasSubstr("192.0.2.9")), Not(HasSubstr("culvert4-last"))));
    EXPECT_EQ(render_frr(config(), speaker()).error(),
              "FRR takes IPv6 routes of others from the main table only: announce: {table: main}");
}

TEST(RenderKeepalived, HasAGroupForEachFamily) {
    const Member member{.interface = "eth0", .group = 51, .priority = 150, .ready = "/usr/sbin/lbd ready"};
    EXPECT_THAT(*render_keepalived(config(), member),
                AllOf(HasSubstr("script \"/usr/sbin/lbd ready\""), HasSubstr("vrrp_instance culvert4 {"),
                      HasSubstr("    192.0.2.1/32 dev eth0\n"), HasSubstr("    2001:db8::1/128 dev eth0\n"),
                      HasSubstr("virtual_router_id 51"), Not(HasSubstr("192.0.2.9"))));
    Config network = config();
    network.services = {{.name = "net", .vip = *netlink::Prefix::parse("198.51.100.0/28")}};
    EXPECT_EQ(
        render_keepalived(network, member).error(),
        "VIP 198.51.100.0/28 is a network, and VRRP only has addresses: announce it by BGP, or write announce: no "
        "for its services");
}

TEST(RenderRouting, RefusesWhatCannotWork) {
    EXPECT_EQ(render_bird(config(), speaker({{address("10.0.0.1"), 65000}})).error(),
              "VIP 2001:db8::1 needs a router with an IPv6 address: --peer fd00::1=65000");
    EXPECT_EQ(render_frr(config(Announce::main_table), speaker({{address("fd00::1"), 65000}})).error(),
              "VIP 192.0.2.1 needs a router with an IPv4 address: --peer 10.0.0.1=65000");
    Config nothing = config();
    nothing.announce.reset();
    EXPECT_EQ(render_bird(nothing, speaker()).error(), "nothing is announced: announce: {} in lbd.yaml");
}

}  // namespace
}  // namespace culvert::lbd
