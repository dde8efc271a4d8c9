// SPDX-License-Identifier: Apache-2.0
#include "netlink/monitor.hpp"

#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <poll.h>

#include <algorithm>

#include "netlink/sysctl.hpp"
#include "tests/kernel/kernel_test.hpp"

namespace culvert::netlink {
namespace {

class MonitorTest : public KernelTest {
  protected:
    static Monitor follow(std::initializer_list<Topic> topics) { return Monitor::open(topics).value(); }

    static std::vector<Event> read(Monitor& monitor) { return value_of(monitor.read()); }

    static std::vector<std::uint32_t> mtus_of_left(const std::vector<Event>& events) {
        std::vector<std::uint32_t> mtus;
        for (const Event& event : events)
            if (const auto* const change = std::get_if<LinkChanged>(&event);
                change != nullptr && change->value.name == "left")
                mtus.push_back(change->value.mtu);
        return mtus;
    }

    /// In bytes, of the receive buffer.
    static void give_room(const Monitor& monitor, int bytes) {
        ASSERT_EQ(setsockopt(monitor.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes), 0);
    }
};

TEST_F(MonitorTest, ReadingTheKernelsTablesIsNoEvent) {
    Monitor monitor = follow({Topic::links, Topic::addresses, Topic::routes, Topic::neighbours, Topic::rules});
    ASSERT_TRUE(succeeded(links().dump()));
    ASSERT_TRUE(succeeded(Rules(route()).dump()));
    pollfd waiting{.fd = monitor.fd(), .events = POLLIN};
    EXPECT_EQ(poll(&waiting, 1, 0), 0);
    EXPECT_THAT(read(monitor), testing::IsEmpty());
}

TEST_F(MonitorTest, LinksComeChangeAndGo) {
    Monitor monitor = follow({Topic::links});
    ASSERT_TRUE(succeeded(links().create({.name = "left", .kind = Veth{.peer = "right"}})));
    const Link made = *links().get("left");
    pollfd waiting{.fd = monitor.fd(), .events = POLLIN};
    EXPECT_EQ(poll(&waiting, 1, 1000), 1);
    EXPECT_THAT(read(monitor), testing::Contains(Event(LinkChanged{made})));
    EXPECT_THAT(read(monitor), testing::IsEmpty());

    ASSERT_TRUE(succeeded(links().change("left", {.mtu = 1400})));
    EXPECT_THAT(read(monitor), testing::Contains(Event(LinkChanged{*links().get("left")})));

    ASSERT_TRUE(succeeded(links().remove("left")));
    const auto events = read(monitor);
    EXPECT_TRUE(std::ranges::any_of(events, [&](const Event& event) {
        const auto* const change = std::get_if<LinkChanged>(&event);
        return change != nullptr && change->removed && change->value.index == made.index;
    }));
}

TEST_F(MonitorTest, AddressesRoutesNeighboursAndRules) {
    make_veth();
    const std::uint32_t left = index_of("left");
    Monitor monitor = follow({Topic::addresses, Topic::routes, Topic::neighbours, Topic::rules});

    const InterfaceAddress address{
        .prefix = prefix("10.0.0.1/24"), .link = left, .flags = IFA_F_PERMANENT, .label = "left", .protocol = 77};
    const Route way{.destination = prefix("192.0.2.0/24"), .hops = {{.gateway = ip("10.0.0.254"), .link = left}}};
    const Neighbour neighbour{
        .address = ip("10.0.0.254"), .link = left, .mac = mac("02:00:00:00:00:fe"), .state = NUD_PERMANENT};
    const Rule rule{.family = Family::ipv6, .priority = 5, .table = 9};
    ASSERT_TRUE(succeeded(InterfaceAddresses(route()).add(address)));
    ASSERT_TRUE(succeeded(route().request(Routes::addition(way))));
    ASSERT_TRUE(shell("ip neigh add dev left lladdr 02:00:00:00:00:fe 10.0.0.254"));
    ASSERT_TRUE(shell("ip -6 rule add pref 5 table 9"));
    EXPECT_THAT(read(monitor), testing::IsSupersetOf({Event(AddressChanged{address}), Event(RouteChanged{way}),
                                                      Event(NeighbourChanged{neighbour}), Event(RuleChanged{rule})}));

    ASSERT_TRUE(shell("ip -6 rule del pref 5"));
    ASSERT_TRUE(succeeded(route().request(Routes::removal(way))));
    ASSERT_TRUE(succeeded(route().request(InterfaceAddresses::removal(address))));
    EXPECT_THAT(read(monitor), testing::IsSupersetOf({Event(RuleChanged{rule, true}), Event(RouteChanged{way, true}),
                                                      Event(AddressChanged{address, true})}));
}

TEST_F(MonitorTest, RpFilterOfADeviceAndOfAll) {
    make_veth();
    Monitor monitor = follow({Topic::device_confs});
    ASSERT_TRUE(succeeded(write(SysctlKey::rp_filter("left"), "2")));
    ASSERT_TRUE(succeeded(write(SysctlKey::rp_filter("all"), "1")));
    ASSERT_TRUE(succeeded(write(SysctlKey::rp_filter("all"), "1")));
    const auto left = static_cast<std::int32_t>(index_of("left"));
    EXPECT_THAT(read(monitor), testing::ElementsAre(DeviceConfChanged{{.link = left, .rp_filter = 2}},
                                                    DeviceConfChanged{{.link = -1, .rp_filter = 1}}));
}

TEST_F(MonitorTest, OnlyWhatWasAskedForIsFollowed) {
    Monitor monitor = follow({Topic::rules});
    make_veth();
    EXPECT_THAT(read(monitor), testing::IsEmpty());
}

TEST_F(MonitorTest, OverrunIsAnEvent) {
    Monitor monitor = follow({Topic::links});
    give_room(monitor, 1);
    make_veth();
    for (std::uint32_t mtu = 1000; mtu < 1050; ++mtu) ASSERT_TRUE(succeeded(links().change("left", {.mtu = mtu})));
    EXPECT_THAT(read(monitor), testing::Contains(Event(Overrun{})));
    give_room(monitor, 1 << 20);  // the kernel may report the new carrier at any time, and would take the only place
    ASSERT_TRUE(succeeded(links().change("left", {.mtu = 1400})));
    EXPECT_THAT(mtus_of_left(read(monitor)), testing::Contains(1400));
}

// An older message would look like a change after the overrun.
TEST_F(MonitorTest, NothingOlderFollowsAnOverrun) {
    Monitor monitor = follow({Topic::links});
    give_room(monitor, 1 << 20);  // more than one read returns
    make_veth();
    for (std::uint32_t mtu = 1000; mtu < 4000; ++mtu) ASSERT_TRUE(succeeded(links().change("left", {.mtu = mtu})));
    const auto events = read(monitor);
    ASSERT_GT(events.size(), 256U);
    EXPECT_EQ(events.back(), Event(Overrun{}));
    EXPECT_THAT(mtus_of_left(read(monitor)), testing::Each(3999));  // if its carrier is reported only now
}

}  // namespace
}  // namespace culvert::netlink
