// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "docs/reference/generator/page.hpp"

namespace culvert::reference {
namespace {

/// Every character that scdoc(5) could take for a mark, anywhere in a line or at its beginning.
std::string in_scdoc(std::string_view text) {
    constexpr std::string_view special = "*_\\#`[|.-<>~";
    std::string result;
    for (const char letter : text) {
        if (special.find(letter) != std::string_view::npos) result += '\\';
        result += letter == '\n' ? ' ' : letter;
    }
    return result;
}

/// The description, then what the other columns say: "The mode. Default: auto."
std::string description(const Table& table, const std::vector<std::string>& row) {
    std::string text;
    const auto add = [&text](const std::string& sentence) {
        text += (text.empty() ? "" : " ") + sentence + (sentence.ends_with('.') ? "" : ".");
    };
    if (!row.at(table.text()).empty()) add(row.at(table.text()));
    for (std::size_t i = 1; i < row.size(); ++i)
        if (i != table.text() && !row[i].empty()) add(fmt::format("{}: {}", table.columns[i], row[i]));
    return text;
}

std::string intro_in_scdoc(const std::string& written) {
    std::string text;
    bool in_list = false;
    for (const auto& [words, is_element] : paragraphs(written)) {
        text += fmt::format("{}{}{}\n", in_list && is_element ? "" : "\n", is_element ? "- " : "", in_scdoc(words));
        in_list = is_element;
    }
    return text;
}

std::string to_manual(const Table& table) {
    std::string text;
    if (!table.title.empty()) text += fmt::format("\n## {}\n", in_scdoc(table.title));
    text += intro_in_scdoc(table.intro);
    for (const auto& row : table.rows)
        text += fmt::format("\n*{}*\n\t{}\n", in_scdoc(row.front()), in_scdoc(description(table, row)));
    return text;
}

}  // namespace

std::string to_manual(const Page& page) {
    std::string text = intro_in_scdoc(page.intro);
    for (const Table& table : page.tables) text += to_manual(table);
    return text.starts_with('\n') ? text.substr(1) : text;
}

}  // namespace culvert::reference
