// SPDX-License-Identifier: Apache-2.0
#include "common/replace_file.hpp"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <string>

namespace culvert::common {
namespace {

namespace fs = std::filesystem;

class FileReplacementTest : public testing::Test {
  protected:
    ~FileReplacementTest() override { fs::remove_all(directory_); }

    /// Nothing if there is no such file.
    [[nodiscard]] std::optional<std::string> content() const {
        std::ifstream file(file_);
        if (!file) return std::nullopt;
        return std::string(std::istreambuf_iterator<char>(file), {});
    }
    [[nodiscard]] bool is_alone() const {
        const auto files = std::distance(fs::directory_iterator(directory_), {});
        return files == (fs::exists(file_) ? 1 : 0);
    }

    fs::path directory_ = fs::temp_directory_path() / fmt::format("replace-{}", getpid());
    fs::path file_ = directory_ / "file";
};

TEST_F(FileReplacementTest, NothingChangesBeforeCommitAndUndoBringsItBack) {
    ASSERT_TRUE(make_directory(directory_));
    const std::optional<std::string> none;
    const std::optional<std::string> old("old");
    for (const auto& before : {none, old})
        for (const auto& after : {none, std::optional<std::string>("new")}) {
            fs::remove(file_);
            if (before) std::ofstream(file_) << *before;
            {
                auto replacement = FileReplacement::prepare(file_, after, 0600);
                ASSERT_TRUE(replacement);
                EXPECT_EQ(content(), before);
            }
            EXPECT_EQ(content(), before);
            EXPECT_TRUE(is_alone());
            {
                auto replacement = FileReplacement::prepare(file_, after, 0600);
                ASSERT_TRUE(replacement && replacement->commit());
                EXPECT_EQ(content(), after);
                ASSERT_TRUE(replacement->undo());
                EXPECT_EQ(content(), before);
            }
            EXPECT_TRUE(is_alone());
            {
                auto replacement = FileReplacement::prepare(file_, after, 0600);
                ASSERT_TRUE(replacement && replacement->commit());
            }
            EXPECT_EQ(content(), after);
            EXPECT_TRUE(is_alone());
        }
}

TEST_F(FileReplacementTest, WhatAKillHasLeftIsInNobodysWay) {
    ASSERT_TRUE(replace_file(file_, "old", 0600));
    std::ofstream(file_.string() + ".new") << "half";
    std::ofstream(file_.string() + ".former") << "older";
    {
        auto replacement = FileReplacement::prepare(file_, "new", 0600);
        ASSERT_TRUE(replacement && replacement->commit() && replacement->undo());
        EXPECT_EQ(content(), "old");
    }
    EXPECT_TRUE(is_alone());
}

TEST_F(FileReplacementTest, WhatCannotBeWrittenIsKnownBeforehand) {
    ASSERT_TRUE(replace_file(directory_ / "in the way", "", 0600));
    const fs::path file = directory_ / "in the way" / "file";
    for (const auto& text : {std::optional<std::string>("new"), std::optional<std::string>()})
        EXPECT_FALSE(FileReplacement::prepare(file, text, 0600));
}

}  // namespace
}  // namespace culvert::common
