// SPDX-License-Identifier: Apache-2.0
#include "common/terminal.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace culvert::common {
namespace {

std::string_view environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
}

/// In characters, not bytes: names can have any UTF-8.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string_view escape(Color color) {
    switch (color) {
        case Color::none:
            return "";
        case Color::bold:
            return "\x1b[1m";
        case Color::dim:
            return "\x1b[2m";
        case Color::red:
            return "\x1b[31m";
        case Color::green:
            return "\x1b[32m";
        case Color::yellow:
            return "\x1b[33m";
    }
    return "";
}

}  // namespace

std::optional<ColorMode> color_mode(std::string_view name) {
    if (name == "auto") return ColorMode::automatic;
    if (name == "always") return ColorMode::always;
    if (name == "never") return ColorMode::never;
    return std::nullopt;
}

bool use_color(ColorMode mode, int fd) {
    if (mode != ColorMode::automatic) return mode == ColorMode::always;
    return environment("NO_COLOR").empty() && environment("TERM") != "dumb" && isatty(fd) == 1;
}

std::string paint(std::string_view text, Color color, bool colored) {
    if (!colored || color == Color::none) return std::string(text);
    return fmt::format("{}{}\x1b[0m", escape(color), text);
}

std::string Table::to_string(bool colored) const {
    std::vector<std::vector<Cell>> lines;
    if (!std::ranges::all_of(columns_, &std::string::empty, &Column::title)) {
        lines.emplace_back();
        for (const Column& column : columns_) lines.front().push_back({column.title, Color::bold});
    }
    lines.insert(lines.end(), rows_.begin(), rows_.end());
    std::vector<std::size_t> widths(columns_.size());
    for (const auto& line : lines)
        for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], width(line[i].text));

    std::string result;
    for (const auto& line : lines) {
        std::size_t pending = 0;  // spaces to write before the next text, so that no line ends in spaces
        for (std::size_t i = 0; i < line.size(); ++i) {
            const std::size_t padding = widths[i] - width(line[i].text);
            const bool right = columns_[i].align == Align::right;
            if (!line[i].text.empty()) {
                result.append(pending + (right ? padding : 0), ' ');
                result += paint(line[i].text, line[i].color, colored);
                pending = 2 + (right ? 0 : padding);
            } else {
                pending += padding + 2;
            }
        }
        result += '\n';
    }
    return result;
}

}  // namespace culvert::common
