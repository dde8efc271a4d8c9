// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "realserver/check/environment.hpp"

namespace culvert::realserver {

using netlink::SysctlKey;

std::vector<Environment::SysctlLine> read_sysctl_lines(std::string_view text, std::string_view origin) {
    constexpr std::string_view blanks = " \t-";  // a dash: ignore errors
    std::vector<Environment::SysctlLine> result;
    while (!text.empty()) {
        const auto end = text.find('\n');
        std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
        const auto equals = line.find('=');
        if (line.empty() || line.front() == '#' || line.front() == ';' || equals == std::string_view::npos) continue;
        std::string_view name = line.substr(0, equals);
        name = name.substr(0, name.find_last_not_of(blanks) + 1);
        if (const auto key = SysctlKey::parse(name))
            result.push_back({.pattern = key->path(), .text = fmt::format("{}: {}", origin, line)});
    }
    return result;
}

}  // namespace culvert::realserver
