// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "netlink/nftables/monitor.hpp"
#include "netlink/nftables/nftables.hpp"
#include "tests/kernel/kernel_test.hpp"

namespace culvert::netlink::nft {
namespace {

/// Runs nft, which must succeed, and returns its process id.
std::uint32_t nft(const char* commands) {
    const pid_t pid = fork();
    if (pid == 0) {
        execlp("nft", "nft", commands, nullptr);
        _exit(127);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
    return static_cast<std::uint32_t>(pid);
}

using NftablesMonitorTest = KernelTest;

TEST_F(NftablesMonitorTest, TellsWhatWasChangedAndByWhom) {
    auto monitor = Monitor::open();
    ASSERT_TRUE(succeeded(monitor));
    const auto pid =
        nft("table ip one { set s { type ipv4_addr; }; chain c { counter; }; }; table inet two { chain c { drop; }; }");
    EXPECT_THAT(value_of(monitor->read()),
                testing::ElementsAre(Transaction{.tables = {"one", "two"}, .pid = pid, .program = "nft"}));

    const auto flusher = nft("flush chain inet two c");
    auto nftables = Nftables::open();
    ASSERT_TRUE(succeeded(nftables));
    ASSERT_TRUE(succeeded(nftables->remove("two")));
    const auto own = static_cast<std::uint32_t>(getpid());
    EXPECT_THAT(value_of(monitor->read()),
                testing::ElementsAre(Transaction{.tables = {"two"}, .pid = flusher, .program = "nft"},
                                     Transaction{.tables = {"two"}, .pid = own, .program = "netlink_kernel"}));
    EXPECT_THAT(value_of(monitor->read()), testing::IsEmpty());
}

TEST_F(NftablesMonitorTest, ReadingIsNoTransaction) {
    auto monitor = Monitor::open();
    ASSERT_TRUE(succeeded(monitor));
    nft("list ruleset");
    EXPECT_THAT(value_of(monitor->read()), testing::IsEmpty());
}

}  // namespace
}  // namespace culvert::netlink::nft
