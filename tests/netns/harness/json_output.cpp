// SPDX-License-Identifier: Apache-2.0
#include "tests/netns/harness/json_output.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/json_keys.hpp"

namespace culvert::netns {
namespace {

using reference::JsonKeys;
using Json = JsonKeys::Json;

bool has(const Arguments& words, std::string_view word) { return std::ranges::count(words, word) > 0; }

/// `sh -c` with a single command: its words.
Arguments unwrapped(const Arguments& arguments) {
    const bool is_one_command =
        arguments.size() == 3 && arguments[0] == "sh" && arguments[2].find_first_of("|;&>\n'\"$") == std::string::npos;
    return is_one_command ? split_words(arguments[2]) : arguments;
}

/// From "lbd" or "realserver" on, with the plain name of the program; empty if the program is another.
Arguments command_in(const Arguments& arguments) {
    Arguments words = unwrapped(arguments);
    for (auto at = words.begin(); at != words.end(); ++at) {
        std::string name = std::filesystem::path(*at).filename();
        name = name.substr(0, name.find('_'));  // lbd_faults
        if (name != "lbd" && name != "realserver") continue;
        Arguments command(at, words.end());
        command[0] = name;
        return command;
    }
    return {};
}

bool asks_for_json(const Arguments& command) {
    return std::ranges::any_of(command, [](const std::string& word) {
        const bool has_letters = word.size() > 1 && word[0] == '-' && word[1] != '-';
        return word == "--json" || (has_letters && word.find('j') != std::string::npos);
    });
}

/// The tables of the reference, each with the words of a command.
using Tables = std::vector<std::pair<Arguments, JsonKeys>>;

Tables read_tables() {
    Tables tables;
    for (const reference::Page& page : {reference::lbd_json(), reference::realserver_json()})
        for (const reference::Table& table : page.tables) {
            Arguments words = split_words(table.title);
            words.pop_back();  // --json
            tables.emplace_back(std::move(words), JsonKeys(table));
        }
    return tables;
}

/// Nothing if the reference has no JSON of this command.
std::optional<JsonKeys> keys_of(Arguments command) {
    static const Tables tables = read_tables();
    if (has(command, "apply") || has(command, "teardown")) command.emplace_back("plan");
    const auto is_it = [&](const auto& table) {
        return std::ranges::all_of(table.first, [&](const std::string& word) { return has(command, word); });
    };
    auto table = std::ranges::find_if(tables, is_it);
    if (table == tables.end() && has(command, "show")) {
        command.emplace_back("services");
        table = std::ranges::find_if(tables, is_it);
    }
    return table == tables.end() ? std::nullopt : std::optional(table->second);
}

/// One document, or one on each line. The beginning of a document is left out.
std::vector<Json> documents_in(std::string_view out) {
    std::vector<Json> documents;
    const auto add = [&](std::string_view text) {
        Json one = Json::parse(text, nullptr, false);
        if (one.is_structured()) documents.push_back(std::move(one));
    };
    add(out);
    if (!documents.empty()) return documents;
    for (std::size_t end = 0; (end = out.find('\n')) != std::string_view::npos; out.remove_prefix(end + 1))
        add(out.substr(0, end));
    return documents;
}

}  // namespace

void compare_with_reference(const Arguments& arguments, std::string_view out) {
    const Arguments command = command_in(arguments);
    if (!asks_for_json(command)) return;
    auto keys = keys_of(command);
    if (!keys) return;
    std::set<std::string> complaints;
    for (const Json& document : documents_in(out)) complaints.merge(keys->complaints_about(document));
    if (!complaints.empty())
        ADD_FAILURE() << fmt::format("{}\n{}", fmt::join(arguments, " "), fmt::join(complaints, "\n"));
}

}  // namespace culvert::netns
