// SPDX-License-Identifier: Apache-2.0
// reference_generator markdown|manual SOURCE DIRECTORY: writes the reference of the source tree SOURCE to DIRECTORY, as
// pages for readers or as sections of manual pages.
#include <fmt/core.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "docs/reference/generator/page.hpp"

namespace {

/// False if it cannot be written, which is then said.
bool write(const std::filesystem::path& path, const std::string& text) {
    std::ofstream file(path, std::ios::binary);
    file << text;
    file.close();
    if (!file) fmt::print(stderr, "reference_generator: {} cannot be written\n", path.string());
    return !file.fail();
}

}  // namespace

int main(int argc, char** argv) {
    using namespace culvert::reference;
    constexpr int exit_usage = 2;
    const std::string format = argc > 1 ? argv[1] : "";
    const bool is_manual = format == "manual";
    if (argc != 4 || (!is_manual && format != "markdown")) {
        fmt::print(stderr, "reference_generator: write markdown|manual SOURCE DIRECTORY\n");
        return exit_usage;
    }
    const std::filesystem::path directory = argv[3];
    std::filesystem::create_directories(directory);
    const auto pages = all_pages(argv[2]);
    bool done = true;
    for (const Page& page : pages)
        done = write(directory / (page.name + (is_manual ? ".scd" : ".md")),
                     is_manual ? to_manual(page) : to_markdown(page)) &&
               done;
    if (!is_manual) done = write(directory / "README.md", index(pages)) && done;
    return done ? 0 : 1;
}
