// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace culvert::netns {

/// Loads a kernel module if possible; otherwise returns what is missing.
[[nodiscard]] std::optional<std::string> missing_module(const std::string& name);
[[nodiscard]] std::optional<std::string> missing_program(const std::string& name);
[[nodiscard]] std::optional<std::string> missing_privilege();

}  // namespace culvert::netns

/// In a test's body or SetUp: skips the test with the reason, unless the kernel has the module.
#define REQUIRE_MODULE(name) \
    if (const auto missing = culvert::netns::missing_module(name)) GTEST_SKIP() << *missing
#define REQUIRE_PROGRAM(name) \
    if (const auto missing = culvert::netns::missing_program(name)) GTEST_SKIP() << *missing
