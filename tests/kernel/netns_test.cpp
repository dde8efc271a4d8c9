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
    void TearDown() override {
        (void)NetworkNamespace::remove(name());
        KernelTest::TearDown();
    }

    static std::string name() {
        return testing::UnitTest::GetInstance()->current_test_info()->name() + std::to_string(getpid());
    }

    static bool shell(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }
};

TEST_F(KernelNetns, CreatedIsKnownToIpNetns) {
    const auto created = NetworkNamespace::create(name());
    ASSERT_TRUE(succeeded(created));
    EXPECT_TRUE(shell("ip netns exec " + name() + " true"));
    EXPECT_EQ(NetworkNamespace::create(name()).error().code, EEXIST);
    EXPECT_TRUE(shell("ip netns delete " + name()));
    EXPECT_EQ(NetworkNamespace::open(name()).error().code, ENOENT);
}

TEST_F(KernelNetns, OneOfIpNetnsIsOpenedAndRemoved) {
    ASSERT_TRUE(shell("ip netns add " + name()));
    EXPECT_TRUE(succeeded(NetworkNamespace::open(name())));
    EXPECT_TRUE(succeeded(NetworkNamespace::open("/run/netns/" + name())));
    EXPECT_TRUE(succeeded(NetworkNamespace::remove(name())));
    EXPECT_FALSE(shell("ip netns exec " + name() + " true"));
}

TEST_F(KernelNetns, CreatingLeavesTheThreadWhereItWas) {
    const auto before = NetworkNamespace::current()->cookie().value();
    const auto created = NetworkNamespace::create(name());
    ASSERT_TRUE(succeeded(created));
    EXPECT_EQ(NetworkNamespace::current()->cookie().value(), before);
    EXPECT_NE(created->cookie().value(), before);
    EXPECT_EQ(NetworkNamespace::open(name())->cookie().value(), created->cookie().value());
}

TEST_F(KernelNetns, RunIsInsideAndReturns) {
    const auto created = NetworkNamespace::create(name());
    ASSERT_TRUE(succeeded(created));
    const auto key = SysctlKey::parse("net.ipv4.ip_forward").value();
    const auto outside = read(key).value();
    EXPECT_TRUE(succeeded(created->run([&] { return write(key, outside == "0" ? "1" : "0"); })));
    EXPECT_NE(created->run([&] { return read(key); }).value(), outside);
    EXPECT_EQ(read(key).value(), outside);
}

TEST_F(KernelNetns, EnterIsForTheThreadAlone) {
    const auto created = NetworkNamespace::create(name());
    ASSERT_TRUE(succeeded(created));
    const auto before = NetworkNamespace::current()->cookie().value();
    std::thread([&] {
        EXPECT_TRUE(succeeded(created->enter()));
        EXPECT_EQ(NetworkNamespace::current()->cookie().value(), created->cookie().value());
    }).join();
    EXPECT_EQ(NetworkNamespace::current()->cookie().value(), before);
}

TEST_F(KernelNetns, LivesWithoutItsName) {
    const auto created = NetworkNamespace::create(name());
    ASSERT_TRUE(succeeded(created));
    ASSERT_TRUE(succeeded(NetworkNamespace::remove(name())));
    EXPECT_TRUE(succeeded(created->cookie()));
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
    const auto state = module_state("fou");
    ASSERT_TRUE(succeeded(state));
    if (*state == ModuleState::absent) GTEST_SKIP() << absent_module_cure("fou");
    EXPECT_TRUE(succeeded(load_module("fou")));
    EXPECT_THAT(module_state("fou").value(), testing::AnyOf(ModuleState::loaded, ModuleState::built_in));
    EXPECT_TRUE(succeeded(load_module("fou")));
}

}  // namespace
}  // namespace culvert::netlink
