// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "common/yaml.hpp"

/// Files for the tests of both configurations: bad ones, and the examples.
namespace culvert::config_files {

/// Sorted paths relative to the sources, where tests run.
inline std::vector<std::string> list(const std::filesystem::path& folder, std::string_view prefix = "") {
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.path().extension() == ".yaml" && entry.path().filename().string().starts_with(prefix))
            paths.push_back(entry.path().string());
    std::ranges::sort(paths);
    return paths;
}

/// "accepted", or one line for each error.
template <typename Result>
std::string printed(const Result& result) {
    if (result) return "accepted\n";
    std::string text;
    for (const auto& error : result.error()) text += error.to_string() + '\n';
    return text;
}

/// A bad file starts with its expected errors: "# LINE:COLUMN: text", or "# text" for the whole file.
inline std::string expected_errors(const std::string& path) {
    std::istringstream lines(common::yaml::read_file(path).value());
    std::string expected;
    for (std::string line; std::getline(lines, line) && line.starts_with("# ");) {
        const std::string error = line.substr(2);
        const bool has_position = std::isdigit(static_cast<unsigned char>(error.front())) != 0;
        expected += path + (has_position ? ":" : ": ") + error + '\n';
    }
    return expected;
}

/// The name of a test whose parameter is a path.
inline std::string stem(const testing::TestParamInfo<std::string>& info) {
    return std::filesystem::path(info.param).stem().string();
}

}  // namespace culvert::config_files
