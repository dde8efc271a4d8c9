// SPDX-License-Identifier: Apache-2.0
#include "netlink/netns.hpp"

#include <cerrno>
#include <thread>

#include "netlink/modules.hpp"
#include "netlink/sysctl.hpp"
#include "tests/kernel/kernel_test.hpp"

namespace culvert::netlink {
namespace {

/// Names are global to the machine: each test has its own, and removes it.
class KernelNetns : public KernelTest {
  protected:
    void SetUp() override {
        KernelTest::SetUp();
        if (IsSkipped()) return;
        ASSERT_TRUE(shell("ip netns add " + name()));
    }
    void TearDown() override {
        shell("ip netns delete " + name());
        KernelTest::TearDown();
    }

    static std::string name() {
        return testing::UnitTest::GetInstance()->current_test_info()->name() + std::to_string(getpid());
    }
};

TEST_F(KernelNetns, OneOfIpNetnsIsOpenedByNameAndByPath) {
    EXPECT_TRUE(succeeded(NetworkNamespace::open(name())));
    EXPECT_TRUE(succeeded(NetworkNamespace::open("/run/netns/" + name())));
    ASSERT_TRUE(shell("ip netns delete " + name()));
    EXPECT_EQ(NetworkNamespace::open(name()).error().code, ENOENT);
}

TEST_F(KernelNetns, EnterIsForTheThreadAlone) {
    const auto other = NetworkNamespace::open(name());
    ASSERT_TRUE(succeeded(other));
    const auto before = NetworkNamespace::current_cookie().value();
    const auto key = SysctlKey::parse("net.ipv4.ip_forward").value();
    const auto outside = read(key).value();
    std::thread([&] {
        EXPECT_TRUE(succeeded(other->enter()));
        EXPECT_NE(NetworkNamespace::current_cookie().value(), before);
        EXPECT_TRUE(succeeded(write(key, outside == "0" ? "1" : "0")));
    }).join();
    EXPECT_EQ(NetworkNamespace::current_cookie().value(), before);
    EXPECT_EQ(read(key).value(), outside);
}

TEST_F(KernelNetns, LivesWithoutItsName) {
    const auto other = NetworkNamespace::open(name());
    ASSERT_TRUE(succeeded(other));
    ASSERT_TRUE(shell("ip netns delete " + name()));
    std::thread([&] { EXPECT_TRUE(succeeded(other->enter())); }).join();
}

class KernelSysctl : public KernelTest {};
class KernelModules : public KernelTest {};

TEST_F(KernelSysctl, OfADeviceWithADotInItsName) {
    ASSERT_TRUE(succeeded(links().create({.name = "left.100", .kind = Veth{.peer = "right"}})));
    const auto key = SysctlKey::rp_filter("left.100");
    ASSERT_TRUE(succeeded(write(key, "2")));
    EXPECT_EQ(read_number(key).value(), 2);
    EXPECT_EQ(write(key, "two").error().code, EINVAL);
}

TEST_F(KernelModules, LoadsOnce) {
    const auto states = module_states({"fou"});
    ASSERT_TRUE(succeeded(states));
    if (states->front() == ModuleState::absent) GTEST_SKIP() << absent_module_cure("fou");
    EXPECT_TRUE(succeeded(load_module("fou")));
    EXPECT_THAT(module_states({"fou"})->front(), testing::AnyOf(ModuleState::loaded, ModuleState::built_in));
    EXPECT_TRUE(succeeded(load_module("fou")));
}

}  // namespace
}  // namespace culvert::netlink
