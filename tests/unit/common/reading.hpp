// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/yaml.hpp"

namespace culvert::common::yaml {

/// The errors as they are printed, one a line, without the file's name.
inline std::string lines(const Errors& errors) {
    std::string result;
    for (const Error& error : errors) {
        const Position& at = error.position;
        result += at == Position{} ? error.text : fmt::format("{}:{}: {}", at.line, at.column, error.text);
        if (&error != &errors.back()) result += '\n';
    }
    return result;
}

/// The result of `read` for a document that consists of this value.
template <typename Reader>
auto read(std::string_view text, Reader reader) {
    return parse("test.yaml", text, reader);
}

/// The error that `read` reports for it, or "accepted".
template <typename Reader>
std::string refusal(std::string_view text, Reader reader) {
    const auto result = read(text, reader);
    return result ? "accepted" : lines(result.error());
}

}  // namespace culvert::common::yaml
