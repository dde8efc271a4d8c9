// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What both programs print on a terminal: colours where they are wanted, and tables.
namespace culvert::common {

/// --color
enum class ColorMode : std::uint8_t { automatic, always, never };

/// "auto", "always", "never"
[[nodiscard]] std::optional<ColorMode> color_mode(std::string_view name);

/// Whether to colour what is written to `fd`. In mode automatic: a terminal that is not `dumb`, and no NO_COLOR in the
/// environment (https://no-color.org).
[[nodiscard]] bool use_color(ColorMode mode, int fd);

enum class Color : std::uint8_t { none, bold, dim, red, green, yellow };

/// The text, in colour if `colored` (what `use_color` said).
[[nodiscard]] std::string paint(std::string_view text, Color color, bool colored);

/// Columns as wide as their widest cell, two spaces apart, no space at the end of a line.
class Table {
  public:
    enum class Align : std::uint8_t { left, right };
    struct Column {
        std::string title;
        Align align = Align::left;
    };
    struct Cell {
        std::string text;
        Color color = Color::none;
    };

    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
    /// Missing cells are empty; there must be no more than columns.
    void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
    /// Titles in bold, if any column has one, then the rows; each line ends in a newline.
    [[nodiscard]] std::string to_string(bool colored) const;

  private:
    std::vector<Column> columns_;
    std::vector<std::vector<Cell>> rows_;
};

}  // namespace culvert::common
