// SPDX-License-Identifier: Apache-2.0
#include <linux/if_addr.h>
#include <linux/neighbour.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "netlink/ifaddr.hpp"
#include "netlink/neighbour.hpp"
#include "tests/kernel/kernel_test.hpp"

namespace culvert::netlink {
namespace {

using namespace std::chrono_literals;

///  this namespace                another one
///  left 10.0.0.1, fd00::1 ────── right 10.0.0.2, fd00::2
class NeighboursTest : public KernelTest {
  protected:
    void SetUp() override {
        KernelTest::SetUp();
        if (IsSkipped()) return;
        const int here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
        ASSERT_EQ(unshare(CLONE_NEWNET), 0);
        other_.emplace(Socket::open(NETLINK_ROUTE).value());
        const int there = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
        ASSERT_EQ(setns(here, CLONE_NEWNET), 0);
        ASSERT_TRUE(succeeded(links().create(
            {.name = "left", .kind = Veth{.peer = "right", .peer_netns = there}, .mac = our_mac, .up = true})));
        ASSERT_TRUE(succeeded(Links(*other_).change("right", {.up = true, .mac = their_mac})));
        left_ = index_of("left");
        const std::uint32_t right = Links(*other_).get("right")->index;
        for (const char* text : {"10.0.0.1/24", "fd00::1/64"})
            ASSERT_TRUE(succeeded(
                InterfaceAddresses(route()).add({.prefix = prefix(text), .link = left_, .flags = IFA_F_NODAD})));
        for (const char* text : {"10.0.0.2/24", "fd00::2/64"})
            ASSERT_TRUE(succeeded(
                InterfaceAddresses(*other_).add({.prefix = prefix(text), .link = right, .flags = IFA_F_NODAD})));
        close(here);
        close(there);
    }

    Neighbours neighbours() { return Neighbours(route()); }

    std::optional<Neighbour> find(const IpAddress& address) {
        const auto all = value_of(neighbours().dump({.family = address.family(), .link = left_}));
        const auto found = std::ranges::find(all, address, &Neighbour::address);
        return found != all.end() ? std::optional(*found) : std::nullopt;
    }

    std::optional<Neighbour> await_usable(const IpAddress& address) {
        for (int i = 0; i < 200; ++i) {
            if (auto found = find(address); found && found->is_usable()) return found;
            std::this_thread::sleep_for(50ms);
        }
        return find(address);
    }

    const MacAddress our_mac = mac("02:00:00:00:00:01");
    const MacAddress their_mac = mac("02:00:00:00:00:02");
    std::optional<Socket> other_;
    std::uint32_t left_ = 0;
};

TEST_F(NeighboursTest, PermanentEntry) {
    for (const char* text : {"10.0.0.7", "fd00::7"}) {
        const Neighbour wanted{
            .address = ip(text), .link = left_, .mac = mac("02:00:00:00:00:07"), .state = NUD_PERMANENT};
        ASSERT_TRUE(shell(std::string("ip neigh add dev left lladdr 02:00:00:00:00:07 ") + text));
        EXPECT_EQ(find(wanted.address), wanted);
        EXPECT_TRUE(wanted.is_usable());
        ASSERT_TRUE(succeeded(neighbours().remove(left_, wanted.address)));
        EXPECT_EQ(find(wanted.address), std::nullopt);
        EXPECT_EQ(neighbours().remove(left_, wanted.address).error().code, ENOENT);
    }
}

TEST_F(NeighboursTest, AManagedEntryThatHasFailedIsResolvedAgainWhenItIsManagedAgain) {
    for (const char* text : {"10.0.0.7", "fd00::7"}) {
        ASSERT_TRUE(succeeded(neighbours().manage(left_, ip(text))));
        const auto state = [&] { return find(ip(text)).value_or(Neighbour{}).state; };
        for (int i = 0; i < 400 && state() != NUD_FAILED; ++i) std::this_thread::sleep_for(50ms);
        ASSERT_EQ(state(), NUD_FAILED) << text;
        ASSERT_TRUE(succeeded(neighbours().manage(left_, ip(text))));
        EXPECT_EQ(state(), NUD_INCOMPLETE) << text;  // for three seconds
    }
}

TEST_F(NeighboursTest, ManagedEntryIsResolvedAndMarked) {
    for (const char* text : {"10.0.0.2", "fd00::2"}) {
        ASSERT_TRUE(succeeded(neighbours().manage(left_, ip(text))));
        const auto found = await_usable(ip(text));
        ASSERT_TRUE(found.has_value());
        EXPECT_EQ(found->mac, their_mac);
        EXPECT_TRUE(found->managed);
        EXPECT_TRUE(succeeded(neighbours().manage(left_, ip(text)))) << "again, for one that is managed";
        const auto witness = iproute2("neigh show to " + std::string(text));
        EXPECT_TRUE(witness.at(0).contains("managed")) << witness;
        ASSERT_TRUE(succeeded(neighbours().remove(left_, ip(text))));
    }
}

TEST_F(NeighboursTest, ManagingKeepsWhatAResolvedEntryKnows) {
    ASSERT_TRUE(shell("ip neigh add dev left nud none use 10.0.0.2"));
    ASSERT_TRUE(await_usable(ip("10.0.0.2")).has_value());
    ASSERT_TRUE(succeeded(neighbours().manage(left_, ip("10.0.0.2"))));
    const auto found = find(ip("10.0.0.2"));
    EXPECT_TRUE(found->managed);
    EXPECT_TRUE(found->is_usable()) << "state " << found->state;
}

TEST_F(NeighboursTest, WhoeverDoesNotAnswerIsNotUsable) {
    ASSERT_TRUE(succeeded(neighbours().manage(left_, ip("10.0.0.99"))));
    const auto found = find(ip("10.0.0.99"));
    ASSERT_TRUE(found.has_value());
    EXPECT_FALSE(found->is_usable());
}

TEST_F(NeighboursTest, DumpIsFilteredByLink) {
    ASSERT_TRUE(shell("ip neigh add dev left lladdr 02:00:00:00:00:02 10.0.0.7"));
    EXPECT_EQ(neighbours().dump({.family = Family::ipv4, .link = left_})->size(), 1);
    EXPECT_THAT(neighbours().dump({.family = Family::ipv4, .link = 1}).value(), testing::IsEmpty());
}

}  // namespace
}  // namespace culvert::netlink
