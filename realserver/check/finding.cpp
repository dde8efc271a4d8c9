// SPDX-License-Identifier: Apache-2.0
#include "realserver/check/finding.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace culvert::realserver {

namespace {

constexpr std::string_view ours = "realserver ";

/// Quoted as one word of a shell.
std::string shell_word(std::string_view text) {
    std::string result = "'";
    for (const char letter : text) result += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
    return result + "'";
}

std::string within(std::string_view netns, const std::string& command) {
    const bool is_path = netns.find('/') != std::string_view::npos;
    const bool is_script = command.find_first_of("|;&<>$") != std::string::npos;
    return fmt::format("{}{} {}", is_path ? "nsenter --net=" : "ip netns exec ", netns,
                       is_script ? "sh -c " + shell_word(command) : command);
}

}  // namespace

std::string Finding::command() const { return fmt::format("{}", fmt::join(cure, " && ")); }

void Diagnosis::require(bool met, const Finding& otherwise) {
    ++checked;
    if (!met) findings.push_back(otherwise);
}

void Diagnosis::write_cures_for(std::string_view config, std::string_view netns) {
    std::string options;
    if (!config.empty()) options += fmt::format(" -c {}", config);
    if (!netns.empty()) options += fmt::format(" --netns {}", netns);
    for (Finding& finding : findings)
        for (std::string& command : finding.cure) {
            if (command.starts_with(ours))
                command += options;
            else if (!netns.empty())
                command = within(netns, command);
        }
}

}  // namespace culvert::realserver
