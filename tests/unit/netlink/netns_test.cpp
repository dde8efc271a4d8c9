// SPDX-License-Identifier: Apache-2.0
#include "netlink/netns.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace culvert::netlink {
namespace {

using testing::StartsWith;

TEST(NetworkNamespace, CurrentIsOpen) {
    const auto current = NetworkNamespace::current();
    ASSERT_TRUE(current) << current.error().message();
    EXPECT_GE(current->fd(), 0);
}

TEST(NetworkNamespace, UnknownNameIsAnErrorThatNamesThePath) {
    const auto none = NetworkNamespace::open("no-such-namespace");
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ENOENT);
    EXPECT_THAT(none.error().message(),
                StartsWith("open network namespace /run/netns/no-such-namespace: No such file"));
}

TEST(NetworkNamespace, NameThatIsNoFileNameIsRefused) {
    for (const auto* name : {"", ".", "..", "a/b"}) {
        EXPECT_EQ(NetworkNamespace::create(name).error().code, EINVAL) << name;
        EXPECT_EQ(NetworkNamespace::remove(name).error().code, EINVAL) << name;
    }
}

}  // namespace
}  // namespace culvert::netlink
