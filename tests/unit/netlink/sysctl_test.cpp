// SPDX-License-Identifier: Apache-2.0
#include "netlink/sysctl.hpp"

#include <gtest/gtest.h>

#include <cerrno>

namespace culvert::netlink {
namespace {

std::string path_of(std::string_view name) {
    const auto key = SysctlKey::parse(name);
    return key ? key->path() : "no key";
}

TEST(SysctlKey, TheFirstSeparatorSeparates) {
    EXPECT_EQ(path_of("net.ipv4.ip_forward"), "/proc/sys/net/ipv4/ip_forward");
    EXPECT_EQ(path_of("net.ipv4.conf.eth0/100.rp_filter"), "/proc/sys/net/ipv4/conf/eth0.100/rp_filter");
    EXPECT_EQ(path_of("net/ipv4/conf/eth0.100/rp_filter"), "/proc/sys/net/ipv4/conf/eth0.100/rp_filter");
}

TEST(SysctlKey, StaysBelowProcSys) {
    for (const auto* name : {"", ".", "..", "net/../../etc/passwd", "net//x", "net.ipv4.", "/etc/passwd", "net.//.x"})
        EXPECT_EQ(path_of(name), "no key") << name;
}

TEST(SysctlKey, IsPrintedAsItIsParsed) {
    EXPECT_EQ(SysctlKey::rp_filter("eth0.100").to_string(), "net.ipv4.conf.eth0/100.rp_filter");
    EXPECT_EQ(SysctlKey::parse("net.ipv4.conf.eth0/100.rp_filter"), SysctlKey::rp_filter("eth0.100"));
    EXPECT_EQ(SysctlKey::conf(Family::ipv6, "all", "forwarding").path(), "/proc/sys/net/ipv6/conf/all/forwarding");
}

TEST(Sysctl, ReadsWithoutTheNewline) {
    EXPECT_EQ(read(SysctlKey::parse("kernel.ostype").value()).value(), "Linux");
    EXPECT_GT(read_number(SysctlKey::parse("kernel.pid_max").value()).value(), 0);
}

TEST(Sysctl, ErrorsNameKeyAndValue) {
    const auto missing = read(SysctlKey::rp_filter("no.such"));
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().message(), "read sysctl net.ipv4.conf.no/such.rp_filter: No such file or directory");
    const auto refused = write(SysctlKey::rp_filter("no.such"), "1");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message(), "write sysctl net.ipv4.conf.no/such.rp_filter = 1: No such file or directory");
    const auto text = read_number(SysctlKey::parse("kernel.ostype").value());
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().message(), "read sysctl kernel.ostype = Linux: Invalid argument: not a number");
}

}  // namespace
}  // namespace culvert::netlink
