// SPDX-License-Identifier: Apache-2.0
#include "lbd/commands.hpp"

#include <fmt/format.h>

#include <algorithm>

#include <CLI/CLI.hpp>

#include "docs/reference/generator/page.hpp"
#include "realserver/commands.hpp"

namespace culvert::reference {
namespace {

/// CLI11 appends the range of a number to the name of its type: "SECONDS:FLOAT in [0.1 - 86400]".
constexpr std::string_view of_range = " in [";

/// "-c, --config FILE", or "backend".
std::string name_of(const CLI::Option& option) {
    if (option.get_positional()) return option.get_name(true);
    std::string name = option.get_name(false, true);
    for (auto comma = name.find(','); comma != std::string::npos; comma = name.find(',', comma + 2))
        name.insert(comma + 1, " ");
    const std::string value = option.get_items_expected_max() > 0 ? option.get_type_name() : "";
    const auto end = value.find(of_range) == std::string::npos ? value.size() : value.find(':');
    return value.empty() ? name : name + ' ' + value.substr(0, end);
}

/// What it does, and the range of its value.
std::string text_of(const CLI::Option& option) {
    const std::string value = option.get_type_name();
    const auto start = value.find(of_range);
    if (start == std::string::npos) return option.get_description() + '.';
    const auto first = start + of_range.size();
    std::string range = value.substr(first, value.find(']') - first);
    range.replace(range.find(" - "), 3, " to ");
    return fmt::format("{}; {}.", option.get_description(), range);
}

Table table_of(const CLI::App& app, const CLI::App* parent) {
    Table table{.title = app.get_name(), .intro = app.get_description() + ".", .columns = {}, .rows = {}};
    table.columns = {"Option", "What it does"};
    if (const std::string details = app.get_footer(); !details.empty()) table.intro += ' ' + details;
    for (const CLI::Option* option : app.get_options())
        if (parent == nullptr || parent->get_option_no_throw(option->get_name()) == nullptr)
            table.rows.push_back({name_of(*option), text_of(*option)});
    return table;
}

template <typename Options>
Page commands(std::string_view program, void (*declare)(CLI::App&, Options&)) {
    Options options;
    CLI::App app;
    declare(app, options);
    app.set_version_flag("--version", "", "Print the version");
    app.get_help_ptr()->description("Print this help; after a command, the help of that command");
    Page page{.name = fmt::format("{}-commands", program),
              .title = fmt::format("{}: commands", program),
              .intro = "",
              .tables = {}};
    for (const CLI::App* command : app.get_subcommands(nullptr)) {
        page.tables.push_back(table_of(*command, &app));
        page.tables.back().title.insert(0, fmt::format("{} ", program));
    }
    page.tables.push_back(table_of(app, nullptr));
    page.tables.back().title = "Options of all commands";
    page.tables.back().intro = "They work before the command and behind it.";
    return page;
}

Table exit_status(std::vector<std::vector<std::string>> rows) {
    return {.title = "Exit status", .intro = "", .columns = {"Status", "Meaning"}, .rows = std::move(rows)};
}

}  // namespace

Page lbd_commands() {
    static_assert(lbd::exit_done == 0 && lbd::exit_failed == 1 && lbd::exit_usage == 2 && lbd::exit_differs == 3);
    Page page = commands("lbd", lbd::declare);
    page.tables.push_back(exit_status({{"0", "Done; of plan: nothing would change."},
                                       {"1", "Failed."},
                                       {"2", "Wrong usage, a bad configuration, or a name that does not exist."},
                                       {"3", "plan found changes."}}));
    return page;
}

Page realserver_commands() {
    static_assert(realserver::exit_done == 0 && realserver::exit_failed == 1 && realserver::exit_usage == 2 &&
                  realserver::exit_differs == 3);
    Page page = commands("realserver", realserver::declare);
    page.tables.push_back(exit_status({{"0", "Done, or everything is in order."},
                                       {"1", "Failed."},
                                       {"2", "Wrong usage, or a bad configuration."},
                                       {"3", "plan found changes, or check has findings."}}));
    return page;
}

}  // namespace culvert::reference
