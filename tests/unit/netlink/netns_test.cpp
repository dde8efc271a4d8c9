// SPDX-License-Identifier: Apache-2.0
#include "netlink/netns.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace culvert::netlink {
namespace {

using testing::StartsWith;

TEST(NetworkNamespace, UnknownNameIsAnErrorThatNamesThePath) {
    const auto none = NetworkNamespace::open("no-such-namespace");
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ENOENT);
    EXPECT_THAT(none.error().message(),
                StartsWith("open network namespace /run/netns/no-such-namespace: No such file"));
}

}  // namespace
}  // namespace culvert::netlink
