// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include <nlohmann/json_fwd.hpp>
#include <tl/expected.hpp>

/// What commands and the running balancer say to each other, without its socket: one line of JSON there, one line of
/// JSON back.
///     {"command": "show", "what": "services"}  →  {"ok": …}  or  {"error": "what is wrong"}
namespace culvert::lbd {

/// A text that is made as it is read: its next piece; empty at the end.
using Pieces = std::function<std::string()>;

/// From a request to what is "ok", itself or as JSON text, or to what is wrong.
using Answer = tl::expected<std::variant<nlohmann::ordered_json, Pieces>, std::string>;
using Handler = std::function<Answer(const nlohmann::ordered_json& request)>;

/// A request as it comes in, piece by piece. What follows the end of its line is nobody's.
class RequestLine {
  public:
    static constexpr std::size_t longest = 64 << 10;  ///< bytes, its end not counted

    enum class State : std::uint8_t { unfinished, whole, too_long };

    /// Takes no more than there is room for.
    State append(std::string_view piece);

    /// Without its end.
    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    std::string text_;
};

/// The line that answers one, its end included. The handler sees JSON objects only.
[[nodiscard]] Pieces answer_to(std::string_view line, const Handler& handler);

}  // namespace culvert::lbd
