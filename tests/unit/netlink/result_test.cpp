// SPDX-License-Identifier: Apache-2.0
#include "netlink/result.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace culvert::netlink {
namespace {

TEST(ErrorTest, MessageHasWhatThereIs) {
    EXPECT_EQ((Error{.operation = "add fou port",
                     .object = "5004/udp",
                     .code = EADDRINUSE,
                     .kernel = "the kernel's words",
                     .cure = "use another"})
                  .message(),
              "add fou port 5004/udp: Address already in use: the kernel's words (use another)");
    EXPECT_EQ((Error{.operation = "list links", .code = EPERM}).message(), "list links: Operation not permitted");
    EXPECT_EQ((Error{.operation = "read", .object = "file", .cure = "write it"}).message(), "read file (write it)");
}

Result<int> half(int number) {
    if (number % 2 != 0) return failure("halve", std::to_string(number), EINVAL);
    return number / 2;
}

Result<int> quarter(int number) {
    TRY(const int once, half(number));
    TRY(const int twice, half(once));
    return twice;
}

Result<> check_quarter(int number) {
    CHECK_OK(quarter(number));
    return {};
}

TEST(ResultTest, TryReturnsTheFirstError) {
    EXPECT_EQ(quarter(12), 3);
    EXPECT_EQ(quarter(6).error().object, "3");
    EXPECT_TRUE(check_quarter(8));
    EXPECT_EQ(check_quarter(7).error(), half(7).error());
}

Result<std::unique_ptr<int>> owned() { return std::make_unique<int>(5); }

Result<int> unwrapped() {
    TRY(const auto pointer, owned());
    return *pointer;
}

TEST(ResultTest, TryMovesTheValue) { EXPECT_EQ(unwrapped(), 5); }

}  // namespace
}  // namespace culvert::netlink
