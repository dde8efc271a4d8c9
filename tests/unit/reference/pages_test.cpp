// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "docs/reference/generator/page.hpp"

namespace culvert::reference {
namespace {

const std::filesystem::path source = CULVERT_SOURCE;
const std::filesystem::path directory = source / "docs/reference";

std::string read(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

constexpr const char* cure = " is not what the code says: cmake --build build/dev --target reference writes it anew";

TEST(Reference, SaysWhatTheCodeSays) {
    const auto pages = all_pages(source);
    for (const Page& page : pages)
        EXPECT_EQ(read(directory / (page.name + ".md")), to_markdown(page)) << page.name << ".md" << cure;
    EXPECT_EQ(read(directory / "README.md"), index(pages)) << "README.md" << cure;
}

TEST(Reference, HasNoPageThatNothingMakes) {
    std::set<std::string> made{"README.md"};
    for (const Page& page : all_pages(source)) made.insert(page.name + ".md");
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        if (entry.path().extension() != ".md") continue;
        EXPECT_THAT(made, testing::Contains(entry.path().filename().string())) << "remove it";
    }
}

TEST(Reference, DescribesEachRow) {
    for (const Page& page : all_pages(source))
        for (const Table& table : page.tables)
            for (const auto& row : table.rows) {
                EXPECT_EQ(row.size(), table.columns.size()) << page.name << ": " << row.front();
                EXPECT_FALSE(row.back().empty()) << page.name << ": " << row.front() << " has no description";
            }
}

TEST(Reference, EscapesMarks) {
    const Page page{
        .name = "p",
        .title = "P",
        .intro = "",
        .tables = {{.title = "", .intro = "", .columns = {"A", "B", "C"}, .rows = {{"a_b", "x|y", "-_*."}}}}};
    EXPECT_THAT(to_markdown(page), testing::HasSubstr("| `a_b` | x\\|y | -\\_\\*. |\n"));
    EXPECT_THAT(to_manual(page), testing::HasSubstr("*a\\_b*\n\t\\-\\_\\*\\. B: x\\|y\\.\n"));
}

}  // namespace
}  // namespace culvert::reference
