// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "docs/reference/generator/page.hpp"

namespace culvert::reference {
namespace {

constexpr std::string_view generated =
    "<!-- Generated from the code. Do not edit: cmake --build build/dev --target reference writes it anew. -->\n";

std::string in_markdown(std::string_view text) {
    constexpr std::string_view special = "|<>*_`[]";
    std::string result;
    for (const char letter : text) {
        if (special.find(letter) != std::string_view::npos) result += '\\';
        result += letter == '\n' ? ' ' : letter;
    }
    return result;
}

/// Code, in a cell of a table.
std::string code(std::string_view text) {
    std::string result = "`";
    for (const char letter : text) result += letter == '|' ? std::string("\\|") : std::string(1, letter);
    return result + "`";
}

std::string line(const std::vector<std::string>& cells) { return fmt::format("| {} |\n", fmt::join(cells, " | ")); }

std::string intro_in_markdown(const std::string& written) {
    std::string text;
    bool in_list = false;
    for (const auto& [words, is_element] : paragraphs(written)) {
        text += fmt::format("{}{}{}\n", in_list && is_element ? "" : "\n", is_element ? "* " : "", in_markdown(words));
        in_list = is_element;
    }
    return text;
}

std::string to_markdown(const Table& table) {
    std::string text;
    if (!table.title.empty()) text += fmt::format("\n## {}\n", table.title);
    text += intro_in_markdown(table.intro);
    if (table.rows.empty()) return text;
    text += '\n' + line(table.columns) + line(std::vector<std::string>(table.columns.size(), "---"));
    for (const auto& row : table.rows) {
        std::vector<std::string> cells{code(row.front())};
        for (std::size_t i = 1; i < row.size(); ++i) cells.push_back(in_markdown(row[i]));
        text += line(cells);
    }
    return text;
}

}  // namespace

std::string to_markdown(const Page& page) {
    std::string text = fmt::format("{}\n# {}\n", generated, page.title);
    text += intro_in_markdown(page.intro);
    for (const Table& table : page.tables) text += to_markdown(table);
    return text;
}

std::string index(const std::vector<Page>& pages) {
    std::string text = fmt::format("{}\n# Reference\n\n", generated);
    for (const Page& page : pages) text += fmt::format("* [{}]({}.md)\n", page.title, page.name);
    return text;
}

}  // namespace culvert::reference
