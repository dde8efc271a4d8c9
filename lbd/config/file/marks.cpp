// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/file/marks.hpp"

#include <algorithm>

namespace culvert::lbd {
namespace {

/// Finds the offsets of lines, in ascending order.
class Lines {
  public:
    explicit Lines(std::string_view text) : text_(text) {}

    std::size_t start_of(std::size_t line) {
        for (; line_ < line; ++line_) start_ = std::min(text_.find('\n', start_), text_.size() - 1) + 1;
        return start_;
    }

  private:
    std::string_view text_;
    std::size_t line_ = 1;
    std::size_t start_ = 0;
};

}  // namespace

std::vector<std::size_t> marks_of(const common::yaml::Node& root, std::string_view text) {
    const auto key = std::ranges::find(root.keys, "services", &common::yaml::Node::text);
    if (key == root.keys.end()) return {};
    Lines lines(text);
    std::vector<std::size_t> marks;
    for (const common::yaml::Node& service : root.items[static_cast<std::size_t>(key - root.keys.begin())].items) {
        const std::size_t start = lines.start_of(service.position.line);
        const std::string_view before = text.substr(start, service.position.column - 1);
        const auto dash = std::min(before.find_first_not_of(' '), before.size());
        const bool is_plain =
            before.substr(dash).starts_with("- ") && before.find_first_not_of(' ', dash + 1) == std::string_view::npos;
        if (!is_plain) return {};
        marks.push_back(start);
    }
    if (marks.empty()) return {};
    const auto next = key + 1;
    marks.push_back(next == root.keys.end() ? text.size() : lines.start_of(next->position.line));
    return marks;
}

}  // namespace culvert::lbd
