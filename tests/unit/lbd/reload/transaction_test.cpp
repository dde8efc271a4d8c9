// SPDX-License-Identifier: Apache-2.0
#include "lbd/reload/transaction.hpp"

#include <gmock/gmock.h>

#include <cerrno>
#include <set>
#include <string>
#include <vector>

namespace culvert::lbd {
namespace {

using netlink::Result;
using testing::ElementsAre;

/// Three steps that record calls, and fail on request.
class TransactionTest : public testing::Test {
  protected:
    Result<> call(const std::string& what) {
        called_.push_back(what);
        if (failing_.contains(what)) return netlink::failure("do", what, ENOSPC);
        return {};
    }
    Step step(const std::string& name) {
        return {.prepare = [this, name] { return call("prepare " + name); },
                .commit = [this, name] { return call("commit " + name); },
                .undo = [this, name] { return call("undo " + name); }};
    }
    Result<> run_with(std::set<std::string> failing) {
        failing_ = std::move(failing);
        called_.clear();
        return run({step("a"), step("b"), step("c")});
    }

    std::set<std::string> failing_;
    std::vector<std::string> called_;
};

TEST_F(TransactionTest, AllIsPreparedThenCommitted) {
    EXPECT_TRUE(run_with({}));
    EXPECT_THAT(called_, ElementsAre("prepare a", "prepare b", "prepare c", "commit a", "commit b", "commit c"));
}

TEST_F(TransactionTest, MayBePreparedOnly) {
    EXPECT_TRUE(prepare({step("a"), {}, step("b")}));
    EXPECT_THAT(called_, ElementsAre("prepare a", "prepare b"));
}

TEST_F(TransactionTest, WhatCannotBePreparedLeavesNothingToUndo) {
    const auto done = run_with({"prepare b"});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().message(), "do prepare b: No space left on device");
    EXPECT_THAT(called_, ElementsAre("prepare a", "prepare b"));
}

TEST_F(TransactionTest, WhatIsCommittedIsUndoneFromTheLastOn) {
    const auto done = run_with({"commit c"});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().message(), "do commit c: No space left on device: nothing has changed");
    EXPECT_THAT(called_, ElementsAre("prepare a", "prepare b", "prepare c", "commit a", "commit b", "commit c",
                                     "undo b", "undo a"));
}

TEST_F(TransactionTest, WhatCannotBeUndoneIsSaidAndKeepsNoOther) {
    const auto done = run_with({"commit c", "undo b"});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().message(),
              "do commit c: No space left on device: and this could not be undone: do undo b: No space left on device");
    EXPECT_EQ(called_.back(), "undo a");
}

TEST_F(TransactionTest, StepsHaveWhatTheyNeed) {
    EXPECT_TRUE(run({}));
    EXPECT_TRUE(run({Step{}, step("a")}));
    const auto done = run({Step{}, {.commit = [this] { return failing_.insert("commit a"), Result<>{}; }}, step("a")});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kernel, "nothing has changed");
}

}  // namespace
}  // namespace culvert::lbd
