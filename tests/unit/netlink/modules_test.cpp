// SPDX-License-Identifier: Apache-2.0
#include "netlink/modules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace culvert::netlink {
namespace {

using testing::HasSubstr;

TEST(Modules, OneThatNoKernelHas) {
    EXPECT_EQ(module_states({"no_such_module"})->front(), ModuleState::absent);
    const auto loaded = load_module("no_such_module");
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, ENOENT);
    EXPECT_THAT(loaded.error().message(), HasSubstr("has no no_such_module"));
}

TEST(Modules, CureNamesTheKernelOption) {
    EXPECT_THAT(absent_module_cure("fou"), HasSubstr("CONFIG_NET_FOU"));
    EXPECT_THAT(absent_module_cure("no_such_module"), HasSubstr("boot a kernel with it"));
}

}  // namespace
}  // namespace culvert::netlink
