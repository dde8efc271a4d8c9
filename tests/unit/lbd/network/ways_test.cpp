// SPDX-License-Identifier: Apache-2.0
#include "lbd/network/ways.hpp"

#include <gmock/gmock.h>
#include <linux/if.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/lbd/link.hpp"
#include "tests/unit/lbd/path_mtu/quotes.hpp"

namespace culvert::lbd {
namespace {

using namespace std::chrono_literals;
using netlink::MacAddress;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Key;
using testing::UnorderedElementsAre;

constexpr std::uint32_t device = 2;
constexpr Ways::Clock::time_point noon{12h};
const IpAddress router = address("10.0.0.254");
const IpAddress near = address("10.0.0.3");  // on the link
const IpAddress far = address("10.9.0.3");   // behind the router

Services::Shared service(std::vector<IpAddress> backends) {
    Service made{.name = "web", .vip = address("192.0.2.1"), .ports = {{Protocol::tcp, 80}}, .backends = {}};
    for (const IpAddress& one : backends)
        made.backends.push_back({.name = one.to_string(), .address = one, .encap = Ipip{}});
    return std::make_shared<const Service>(std::move(made));
}

class WaysTest : public testing::Test {
  protected:
    WaysTest() {
        network.ports[device] = eth0_at(device);
        for (const IpAddress& known : {router, near})
            network.neighbours[{device, known}] = {.address = known,
                                                   .link = device,
                                                   .mac = MacAddress::parse("02:00:00:00:00:99"),
                                                   .state = NUD_REACHABLE};
        lb_config config{};
        config.hash_final = 0x0123456789abcdef;
        flow_key = FlowKey(config);
        ways.set_flow_key(flow_key);
    }

    Ways::Lookup lookup() {
        return [this](const IpAddress& backend) -> std::optional<netlink::Route> {
            asked.push_back(backend);
            if (backend == address("203.0.113.1")) return std::nullopt;
            netlink::Route route;
            route.hops = {{.gateway = backend == near ? std::nullopt : std::optional(router), .link = device}};
            if (backend != address("10.9.0.4")) route.source = address("10.0.0.2");
            return route;
        };
    }

    Hops update() { return ways.update(network, lookup()); }

    /// What a router says of a packet of 1500 bytes to the backend that is far.
    [[nodiscard]] Quotation too_long(std::uint16_t mtu) {
        const Bytes sent = quotes::sent(Ipip{}, far, *update().at(far), flow_key,
                                        {.client = address("198.51.100.9"),
                                         .vip = address("192.0.2.1"),
                                         .client_port = 40000,
                                         .port = 80,
                                         .protocol = IPPROTO_TCP},
                                        1480);
        return read_quotation4(quotes::frag_needed(mtu, sent)).value();
    }

    Network network;
    Ways ways;
    FlowKey flow_key;
    std::vector<IpAddress> asked;
};

TEST_F(WaysTest, EachBackendIsLookedUpOnceUntilRoutesAreDoubted) {
    ways.follow(service({near, far}));
    EXPECT_THAT(update(), ElementsAre(Key(near), Key(far)));
    EXPECT_THAT(asked, UnorderedElementsAre(near, far));
    asked.clear();
    (void)update();
    EXPECT_THAT(asked, IsEmpty());
    ways.doubt_routes();
    (void)update();
    EXPECT_THAT(asked, UnorderedElementsAre(near, far));
}

TEST_F(WaysTest, ABackendIsForgottenAsOftenAsItWasFollowed) {
    const auto one = service({near, far}), other = service({near});
    ways.follow(one);
    ways.follow(other);
    (void)update();
    ways.forget(one);
    EXPECT_THAT(update(), ElementsAre(Key(near)));
    EXPECT_TRUE(ways.follows(near));
    EXPECT_FALSE(ways.follows(far));
    ways.forget(other);
    EXPECT_THAT(update(), IsEmpty());
}

TEST_F(WaysTest, RoutesThatLeadToNoBackendMatterNot) {
    ways.follow(service({far}));
    EXPECT_TRUE(ways.lead_into(*netlink::Prefix::parse("10.9.0.0/24")));
    EXPECT_TRUE(ways.lead_into(*netlink::Prefix::parse("0.0.0.0/0")));
    EXPECT_FALSE(ways.lead_into(*netlink::Prefix::parse("10.9.1.0/24")));
    EXPECT_FALSE(ways.lead_into(*netlink::Prefix::parse("::/0")));
}

TEST_F(WaysTest, NeighboursAreTheRouterOrTheBackendItself) {
    ways.follow(service({near, far, address("203.0.113.1")}));
    (void)update();
    EXPECT_THAT(ways.neighbours(network),
                UnorderedElementsAre(NeighbourKey{device, router}, NeighbourKey{device, near}));
    EXPECT_EQ(ways.neighbour_of(far, network), (NeighbourKey{device, router}));
    EXPECT_EQ(ways.neighbour_of(address("203.0.113.1"), network), std::nullopt);
}

TEST_F(WaysTest, WithoutNeighboursTheWayOutIsKnown) {
    network.neighbours.clear();
    ways.follow(service({far}));
    EXPECT_EQ(update().at(far).error(), LB_DROP_NO_NEIGHBOUR);
    ASSERT_TRUE(ways.ways_out(network, lookup()).at(far));
}

TEST_F(WaysTest, WhatKeepsANextHopUnknownIsSaid) {
    const IpAddress nowhere = address("10.9.0.4");
    ways.follow(service({near, nowhere, address("203.0.113.1")}));
    (void)update();
    EXPECT_EQ(ways.why_unresolved(near, network), "");
    EXPECT_EQ(ways.why_unresolved(address("203.0.113.1"), network), "") << "there is no route: that is the reason";
    EXPECT_THAT(ways.why_unresolved(nowhere, network), HasSubstr("this host has no address"));
    network.ports[device].flags |= IFF_NOARP;
    EXPECT_THAT(ways.why_unresolved(near, network), HasSubstr("switched off"));
}

TEST_F(WaysTest, APathThatARouterSaysToBeNarrowerIsSoUntilThatHasGrownOld) {
    ways.follow(service({far}));
    const PathMtus::Learned* learned = ways.hear(too_long(1400), noon);
    ASSERT_NE(learned, nullptr);
    EXPECT_EQ(learned->mtu, 1400);
    EXPECT_EQ(update().at(far)->path_mtu, 1400);
    EXPECT_EQ(ways.hear(too_long(1400), noon), nullptr) << "it is known";
    EXPECT_THAT(ways.expire(noon + PathMtus::lifetime - 1s), IsEmpty());
    EXPECT_THAT(ways.expire(noon + PathMtus::lifetime + 1s), ElementsAre(far));
    EXPECT_EQ(update().at(far)->path_mtu, std::nullopt);
}

TEST_F(WaysTest, NobodyIsBelievedAboutAPathWithoutRoutersOrWithoutPackets) {
    ways.follow(service({near, far}));
    Quotation quotation = too_long(1400);
    quotation.destination = near;
    EXPECT_EQ(ways.hear(quotation, noon), nullptr) << "there is no router before it";
    quotation.destination = address("10.9.0.99");
    EXPECT_EQ(ways.hear(quotation, noon), nullptr) << "it is no backend";
    quotation = too_long(1400);
    network.neighbours.clear();
    (void)update();
    EXPECT_EQ(ways.hear(quotation, noon), nullptr) << "nothing is sent there";
}

}  // namespace
}  // namespace culvert::lbd
