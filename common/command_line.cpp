// SPDX-License-Identifier: Apache-2.0
#include "common/command_line.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "common/suggest.hpp"

namespace culvert::common {
namespace {

std::string what_is_wrong(const CLI::App& app, const CLI::ParseError& error) {
    const auto rest = app.remaining();
    if (!app.get_subcommands().empty() || (!rest.empty() && rest.front().starts_with('-'))) return error.what();
    if (rest.empty())
        return error.get_name() == "RequiredError" ? fmt::format("which command? See {} --help", app.get_name())
                                                   : error.what();
    std::vector<std::string_view> names;
    for (const CLI::App* command : app.get_subcommands(nullptr)) names.emplace_back(command->get_name());
    if (const auto meant = suggest(rest.front(), names))
        return fmt::format("unknown command \"{}\": did you mean {}?", rest.front(), *meant);
    return fmt::format("unknown command \"{}\": see {} --help", rest.front(), app.get_name());
}

/// Otherwise the help names the excluded option in the column of values, where there is no room.
void exclude(CLI::Option& one, CLI::Option& other) {
    one.excludes(&other);
    one.option_text(" ");
    other.option_text(" ");
}

}  // namespace

void add_netns_and_color(CLI::App& app, std::string& netns, ColorMode& color) {
    app.add_option("--netns", netns,
                   "Work in this network namespace (do not use ip netns exec: its /sys/fs/bpf ends with the command)")
        ->type_name("NAME");
    app.add_option_function<std::string>(
           "--color",
           [&color](const std::string& text) {
               const auto mode = color_mode(text);
               if (!mode) throw CLI::ValidationError("--color", "write auto, always or never");
               color = *mode;
           },
           "When to use colours (default auto: on a terminal, unless NO_COLOR is set)")
        ->type_name("auto|always|never");
}

void add_brief(CLI::App& app, bool& brief) {
    CLI::Option* const option = app.add_flag("-b,--brief", brief, "One line for each, without titles (also -br)");
    for (CLI::App* at = &app; at != nullptr; at = at->get_parent())
        if (CLI::Option* const json = at->get_option_no_throw("--json")) exclude(*option, *json);
}

void add_family(CLI::App& app, std::optional<netlink::Family>& family, const std::string& what) {
    using netlink::Family;
    CLI::Option* const ipv4 = app.add_flag_callback(
        "-4", [&family] { family = Family::ipv4; }, fmt::format("Show only IPv4 {}", what));
    CLI::Option* const ipv6 = app.add_flag_callback(
        "-6", [&family] { family = Family::ipv6; }, fmt::format("Show only IPv6 {}", what));
    exclude(*ipv4, *ipv6);
}

std::optional<int> parse(CLI::App& app, int argc, char** argv) {
    constexpr int exit_usage = 2;
    // iproute2 has these options; CLI11 would read them as -b and -r.
    std::vector<std::string> words(argv + 1, argv + argc);
    std::ranges::replace(words, "-br", "--brief");
    std::ranges::reverse(words);  // CLI11 expects this order
    try {
        app.parse(words);
        return std::nullopt;
    } catch (const CLI::Success& success) {  // --help, --version
        return app.exit(success);
    } catch (const CLI::ParseError& error) {
        fmt::print(stderr, "{}: {}\n", app.get_name(), what_is_wrong(app, error));
        return exit_usage;
    }
}

}  // namespace culvert::common
