// SPDX-License-Identifier: Apache-2.0
#include "netlink/links.hpp"

#include <linux/if_arp.h>

#include <algorithm>

#include "tests/kernel/kernel_test.hpp"

namespace culvert::netlink {
namespace {

using LinksTest = KernelTest;
using testing::ElementsAre;

TEST_F(LinksTest, NewNamespaceHasALoopbackThatIsDown) {
    const auto all = links().dump();
    ASSERT_TRUE(succeeded(all));
    const auto lo = std::ranges::find(*all, "lo", &Link::name);
    ASSERT_NE(lo, all->end());
    EXPECT_TRUE(lo->is_loopback());
    EXPECT_FALSE(lo->is_up());
    EXPECT_EQ(lo->hardware, ARPHRD_LOOPBACK);
    EXPECT_EQ(lo->mtu, 65536);
    EXPECT_EQ(lo->kind, "");
}

TEST_F(LinksTest, GetFindsByNameByIndexAndByAlternativeName) {
    make_veth();
    const std::string longer_than_a_name = "the-left-one-of-a-pair-of-links";
    ASSERT_TRUE(shell("ip link property add dev left altname " + longer_than_a_name));
    const auto by_name = links().get("left");
    ASSERT_TRUE(succeeded(by_name));
    EXPECT_THAT(by_name->alternative_names, ElementsAre(longer_than_a_name));
    EXPECT_EQ(links().get(by_name->index), by_name);
    EXPECT_EQ(links().get(longer_than_a_name), by_name);

    ASSERT_TRUE(shell("ip link property del dev left altname " + longer_than_a_name));
    EXPECT_EQ(links().get(longer_than_a_name).error().code, ENODEV);
}

TEST_F(LinksTest, VethIsMadeWithAllThatWasAskedFor) {
    const NewLink wanted{
        .name = "left", .kind = Veth{.peer = "right"}, .mac = mac("02:00:00:00:00:01"), .mtu = 1400, .up = true};
    ASSERT_TRUE(succeeded(links().create(wanted)));
    ASSERT_TRUE(succeeded(links().change("right", {.up = true})));
    const auto left = links().get("left");
    const auto right = links().get("right");
    ASSERT_TRUE(succeeded(left) && succeeded(right));
    EXPECT_EQ(left->kind, "veth");
    EXPECT_EQ(left->mac, wanted.mac);
    EXPECT_EQ(left->mtu, wanted.mtu);
    EXPECT_TRUE(left->is_up());
    EXPECT_TRUE(left->has_carrier());
    EXPECT_EQ(left->lower, right->index);
    EXPECT_EQ(right->lower, left->index);
    EXPECT_EQ(left->lower_netns, std::nullopt);
}

TEST_F(LinksTest, VethPeerCanBeMadeInAnotherNamespace) {
    const int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    auto other = Socket::open(NETLINK_ROUTE);
    const int there = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    ASSERT_EQ(setns(here, CLONE_NEWNET), 0);

    ASSERT_TRUE(succeeded(links().create({.name = "left", .kind = Veth{.peer = "right", .peer_netns = there}})));
    EXPECT_EQ(links().get("right").error().code, ENODEV);
    EXPECT_TRUE(succeeded(Links(*other).get("right")));
    EXPECT_TRUE(links().get("left")->lower_netns.has_value());

    ASSERT_TRUE(succeeded(links().change("left", {.netns = there})));
    EXPECT_EQ(links().get("left").error().code, ENODEV);
    EXPECT_TRUE(succeeded(Links(*other).get("left")));
    close(here);
    close(there);
}

TEST_F(LinksTest, ChangeSetsOnlyWhatIsGiven) {
    make_veth();
    const Link before = *links().get("left");
    ASSERT_TRUE(
        succeeded(links().change("left", {.mtu = 1300, .mac = mac("02:00:00:00:00:09"), .alias = "made by a test"})));
    Link expected = before;
    expected.mtu = 1300;
    expected.mac = mac("02:00:00:00:00:09");
    expected.alias = "made by a test";
    EXPECT_EQ(links().get("left"), expected);

    ASSERT_TRUE(succeeded(links().change("left", {.alias = ""})));
    expected.alias = "";
    EXPECT_EQ(links().get("left"), expected);
    EXPECT_FALSE(iproute2("link show dev left").at(0).contains("ifalias"));

    ASSERT_TRUE(succeeded(links().change("left", {.up = false})));
    EXPECT_FALSE(links().get("left")->is_up());
    EXPECT_FALSE(links().get("right")->has_carrier());
}

TEST_F(LinksTest, RenameAndRemove) {
    make_veth();
    ASSERT_TRUE(succeeded(links().change("left", {.up = false})));
    const std::uint32_t index = index_of("left");
    ASSERT_TRUE(shell("ip link set dev left name port"));
    EXPECT_EQ(links().get(index)->name, "port");
    ASSERT_TRUE(succeeded(links().remove(index)));
    EXPECT_EQ(links().get("port").error().code, ENODEV);
    EXPECT_EQ(links().get("right").error().code, ENODEV);
}

TEST_F(LinksTest, StatsCountWhatWasSent) {
    ASSERT_TRUE(succeeded(links().change("lo", {.up = true})));
    const auto before = links().stats("lo");
    ASSERT_TRUE(succeeded(before));
    EXPECT_EQ(std::system("ping -q -c 1 127.0.0.1 >/dev/null"), 0);
    const auto after = links().stats("lo");
    EXPECT_GE(after->rx_packets, before->rx_packets + 2);
    EXPECT_EQ(after->rx_packets, after->tx_packets);
    EXPECT_GE(after->rx_bytes, before->rx_bytes + 2 * 84);
}

TEST_F(LinksTest, ErrorsNameOperationObjectAndTheKernelsWords) {
    make_veth();
    EXPECT_EQ(links().get("nowhere").error().message(), "get link nowhere: No such device");
    EXPECT_EQ(links().create({.name = "left", .kind = Veth{.peer = "again"}}).error().message(),
              "create veth link left: File exists");
    EXPECT_EQ(links().change("left", {.mtu = 1}).error().message(),
              "change link left: Invalid argument: mtu less than device minimum");
    EXPECT_EQ(links().remove(4711).error().message(), "remove link index 4711: No such device");
}

TEST_F(LinksTest, DummyIsMade) {
    ASSERT_OR_SKIP_WITHOUT_MODULE(links().create({.name = "vips", .kind = Dummy{}, .up = true}));
    EXPECT_EQ(links().get("vips")->kind, "dummy");
    EXPECT_TRUE(links().get("vips")->is_up());
}

}  // namespace
}  // namespace culvert::netlink
