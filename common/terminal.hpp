// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Terminal output of both programs: colours and tables.
namespace culvert::common {

/// --color
enum class ColorMode : std::uint8_t { automatic, always, never };

/// "auto", "always", "never"
[[nodiscard]] std::optional<ColorMode> color_mode(std::string_view name);

/// Whether to colour output to `fd`. In mode automatic: if it is a terminal that is not `dumb`, and NO_COLOR is not in
/// the environment (https://no-color.org).
[[nodiscard]] bool use_color(ColorMode mode, int fd);

enum class Color : std::uint8_t { none, bold, dim, red, green, yellow };

/// The text, in colour if `colored` (the result of `use_color`).
[[nodiscard]] std::string paint(std::string_view text, Color color, bool colored);

/// Columns are as wide as their widest cell and two spaces apart. No line ends in a space.
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
    /// Missing cells are empty. More cells than columns are not allowed.
    void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
    /// Titles in bold, if any column has one, then the rows. Each line ends in a newline.
    [[nodiscard]] std::string to_string(bool colored) const;

  private:
    std::vector<Column> columns_;
    std::vector<std::vector<Cell>> rows_;
};

}  // namespace culvert::common
