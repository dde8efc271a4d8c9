// SPDX-License-Identifier: Apache-2.0
#include "netlink/links_elsewhere.hpp"

#include "netlink/netns.hpp"
#include "tests/kernel/kernel_test.hpp"

namespace culvert::netlink {
namespace {

/// Names are global to the machine.
class LinksElsewhereTest : public KernelTest {
  protected:
    void SetUp() override {
        KernelTest::SetUp();
        if (IsSkipped()) return;
        for (const auto& name : {one, other}) ASSERT_TRUE(shell("ip netns add " + name));
    }
    void TearDown() override {
        for (const auto& name : {one, other}) shell("ip netns delete " + name);
        KernelTest::TearDown();
    }

    const std::string one = "elsewhere1-" + std::to_string(getpid());
    const std::string other = "elsewhere2-" + std::to_string(getpid());
};

TEST_F(LinksElsewhereTest, AreThoseThatReachIntoThisNamespace) {
    EXPECT_THAT(value_of(links_elsewhere(route())), testing::IsEmpty());
    ASSERT_TRUE(shell("ip link add here type veth peer there netns " + one));
    ASSERT_TRUE(shell("ip -n " + one + " link add between type veth peer them netns " + other));
    const auto links = value_of(links_elsewhere(route()));
    ASSERT_EQ(links.size(), 1U);
    EXPECT_EQ(links.front().link.name, "there");
    EXPECT_EQ(links.front().link.lower, value_of(this->links().get("here")).index);
    EXPECT_EQ(value_of(this->links().get("here")).lower_netns, links.front().netns);
}

}  // namespace
}  // namespace culvert::netlink
