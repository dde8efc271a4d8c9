// SPDX-License-Identifier: Apache-2.0
#include "realserver/render/command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <CLI/App.hpp>

#include "common/replace_file.hpp"
#include "common/suggest.hpp"
#include "realserver/command/output.hpp"
#include "realserver/config/load.hpp"
#include "realserver/render/render.hpp"

namespace culvert::realserver {

namespace {

namespace fs = std::filesystem;

/// Whether systemd, a shell and XML parsers all read the path literally.
bool is_plain(const fs::path& path) {
    constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+@:=,";
    return path.string().find_first_not_of(letters) == std::string::npos;
}

ExitCode unknown(const std::string& kind) {
    std::vector<std::string_view> kinds;
    for (const Rendering& rendering : renderings) kinds.push_back(rendering.kind);
    const auto meant = common::suggest(kind, kinds);
    complain(meant ? fmt::format("unknown kind \"{}\": did you mean {}?", kind, *meant)
                   : fmt::format("unknown kind \"{}\": one of {}", kind, fmt::join(kinds, ", ")));
    return exit_usage;
}

}  // namespace

void add_render_options(CLI::App& app, Options& options) {
    app.add_option("kind", options.kind, "The kind of file")->type_name("KIND")->required();
    app.add_option("-o,--output", options.directory, "Write the file to its place below this directory; / installs it")
        ->type_name("DIR");
}

ExitCode run_render(const Options& options) {
    const auto* const rendering = std::ranges::find(renderings, options.kind, &Rendering::kind);
    if (rendering == renderings.end()) return unknown(options.kind);
    const auto config = load_config(options.config);
    if (!config) return exit_usage;

    std::error_code error;
    const Installation here{.program = fs::read_symlink("/proc/self/exe", error),
                            .config = fs::absolute(options.config, error)};
    for (const fs::path& path : {here.program, here.config})
        if (!is_plain(path)) {
            complain(fmt::format("\"{}\" has characters that are special to a shell or to systemd", path.string()));
            return exit_usage;
        }

    const std::string text = render(*rendering, *config, here);
    if (options.directory.empty()) {
        fmt::print("{}", text);
        return exit_done;
    }
    const fs::path target = fs::path(options.directory) / rendering->path;
    const auto written = common::replace_file(target, text, rendering->executable ? 0755 : 0644);
    if (!written) return fail(written.error());
    fmt::print("{}\n", target.string());
    return exit_done;
}

}  // namespace culvert::realserver
