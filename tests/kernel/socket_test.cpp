// SPDX-License-Identifier: Apache-2.0
#include "netlink/socket.hpp"

#include <gmock/gmock.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <thread>

#include "netlink/ifaddr.hpp"
#include "tests/kernel/kernel_test.hpp"

namespace culvert::netlink {
namespace {

using testing::HasSubstr;

using SocketTest = KernelTest;

TEST_F(SocketTest, MessageThatIsTooLongIsNotSent) {
    Message message(RTM_NEWLINK, 0, ifinfomsg{});
    message.text(IFLA_IFNAME, std::string(5000, 'x'));
    const auto sent = route().request(std::move(message), "change link", "x");
    EXPECT_EQ(sent.error().message(), "change link x: Message too long");
}

TEST_F(SocketTest, SocketIsGoodAfterAFailure) {
    EXPECT_FALSE(links().get("nowhere"));
    EXPECT_TRUE(succeeded(links().get("lo")));
    EXPECT_FALSE(links().remove("lo"));
    EXPECT_TRUE(succeeded(links().dump()));
}

TEST_F(SocketTest, RequestsSentTogetherHaveAnOutcomeEach) {
    const auto address = [](const char* text, std::uint32_t link) {
        return InterfaceAddresses::addition({.prefix = *Prefix::parse(text), .link = link});
    };
    std::vector<Request> requests;
    for (const char* text : {"192.0.2.1", "192.0.2.1", "192.0.2.2"}) requests.push_back(address(text, 1));
    requests.push_back(address("192.0.2.3", 4711));
    requests.push_back(address("192.0.2.4", 1));
    const auto outcomes = route().request(std::move(requests));

    ASSERT_EQ(outcomes.size(), 5U);
    for (const int good : {0, 2, 4}) EXPECT_TRUE(succeeded(outcomes[good]));
    EXPECT_THAT(outcomes[1].error().message(), HasSubstr("add address 192.0.2.1/32 of link 1: File exists"));
    EXPECT_THAT(outcomes[3].error().message(), HasSubstr("add address 192.0.2.3/32 of link 4711: No such device"));
    EXPECT_TRUE(succeeded(links().get("lo")));  // no answer is left over
    EXPECT_EQ(InterfaceAddresses(route()).dump()->size(), 3U);
    EXPECT_EQ(route().request(std::vector<Request>{}).size(), 0U);
}

TEST_F(SocketTest, UnprivilegedRequestNamesTheCure) {
    Error error;
    std::thread([&] {
        // Only this thread drops its privileges: by the raw call, as the C library's changes all threads.
        if (syscall(SYS_setresuid, 65534, 65534, 65534) != 0) return;
        auto socket = Socket::open(NETLINK_ROUTE);
        error = Links(*socket).change("lo", {.up = true}).error();
    }).join();
    EXPECT_EQ(error.message(), "change link lo: Operation not permitted (run it as root, or with CAP_NET_ADMIN)");
}

TEST_F(SocketTest, DumpsAreWholeWhileTheKernelsTablesChange) {
    for (int i = 0; i < 200; ++i) {
        const std::string name = "a" + std::to_string(i);
        ASSERT_TRUE(succeeded(links().create({.name = name, .kind = Veth{.peer = "b" + std::to_string(i)}})));
    }
    std::jthread busy([&](const std::stop_token& stop) {
        auto socket = Socket::open(NETLINK_ROUTE);
        while (!stop.stop_requested()) {
            ASSERT_TRUE(succeeded(Links(*socket).create({.name = "come", .kind = Veth{.peer = "go"}})));
            ASSERT_TRUE(succeeded(Links(*socket).remove("come")));
        }
    });
    for (int i = 0; i < 20; ++i) {
        const auto all = links().dump();
        if (!all) {
            EXPECT_EQ(all.error().code, EAGAIN);
            continue;
        }
        EXPECT_EQ(std::ranges::count_if(*all, [](const Link& link) { return link.name.starts_with("a"); }), 200);
    }
}

}  // namespace
}  // namespace culvert::netlink
