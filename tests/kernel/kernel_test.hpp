// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "netlink/links.hpp"
#include "netlink/socket.hpp"

namespace culvert::netlink {

/// Shows the whole message of a failed Result.
template <typename T>
testing::AssertionResult succeeded(const Result<T>& result) {
    if (result) return testing::AssertionSuccess();
    return testing::AssertionFailure() << result.error().message();
}

/// The value; the test fails if there is none.
template <typename T>
T value_of(Result<T> result) {
    EXPECT_TRUE(succeeded(result));
    return result ? std::move(*result) : T{};
}

inline IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }
inline Prefix prefix(const char* text) { return Prefix::parse(text).value(); }
inline MacAddress mac(const char* text) { return MacAddress::parse(text).value(); }

/// Every test runs in a network namespace of its own, with only a loopback link.
class KernelTest : public testing::Test {
  protected:
    void SetUp() override {
        if (geteuid() != 0) GTEST_SKIP() << "needs root, to make a network namespace";
        home_ = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
        ASSERT_EQ(unshare(CLONE_NEWNET), 0) << strerror(errno);
        auto opened = Socket::open(NETLINK_ROUTE);
        ASSERT_TRUE(succeeded(opened));
        route_.emplace(std::move(*opened));
    }

    void TearDown() override {
        if (home_ < 0) return;
        EXPECT_EQ(setns(home_, CLONE_NEWNET), 0) << strerror(errno);
        close(home_);
    }

    Socket& route() { return *route_; }
    Links links() { return Links(*route_); }

    /// The output of iproute2, a witness that shares no code with us: `iproute2("link show dev tun4")`.
    static nlohmann::json iproute2(const std::string& arguments) {
        const std::string command = "ip -d -j " + arguments + " 2>/dev/null";
        std::FILE* const pipe = popen(command.c_str(), "re");
        std::string output;
        char buffer[4096];
        while (const std::size_t count = std::fread(buffer, 1, sizeof buffer, pipe)) output.append(buffer, count);
        pclose(pipe);
        const auto parsed = nlohmann::json::parse(output, nullptr, false);
        return parsed.is_discarded() ? nlohmann::json::array() : parsed;
    }

    /// Runs a command of others: `shell("ip rule add pref 7")`. Returns whether it succeeded.
    static bool shell(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }

    /// Makes a pair of links in this namespace, "left" and "right", and sets them up.
    void make_veth() {
        ASSERT_TRUE(succeeded(links().create({.name = "left", .kind = Veth{.peer = "right"}, .up = true})));
        ASSERT_TRUE(succeeded(links().change("right", {.up = true})));
    }

    std::uint32_t index_of(const std::string& name) {
        const auto link = links().get(name);
        return link ? link->index : 0;
    }

  private:
    int home_ = -1;
    std::optional<Socket> route_;
};

}  // namespace culvert::netlink

/// The statement, or a skip that names the missing module.
#define ASSERT_OR_SKIP_WITHOUT_MODULE(...)                                                  \
    if (const auto outcome = (__VA_ARGS__); !outcome && outcome.error().code == EOPNOTSUPP) \
        GTEST_SKIP() << outcome.error().message();                                          \
    else                                                                                    \
        ASSERT_TRUE(succeeded(outcome))
