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

/// The protocol between commands and the running balancer, without the socket: the request is one line of JSON, and so
/// is the answer.
///     {"command": "show", "what": "services"}  →  {"ok": …}  or  {"error": "what is wrong"}
namespace culvert::lbd {

/// A text that is made while it is sent. Each call returns the next piece, and an empty one at the end.
using Pieces = std::function<std::string()>;

/// An answer that takes a while. It is called with a function that takes the value of "ok" or "error": once, after this
/// call has returned, or never.
using Later = std::function<void(std::function<void(tl::expected<nlohmann::ordered_json, std::string>)>)>;

/// The value of "ok", as JSON or as JSON text; or the value of "error".
using Answer = tl::expected<std::variant<nlohmann::ordered_json, Pieces, Later>, std::string>;
using Handler = std::function<Answer(const nlohmann::ordered_json& request)>;

/// A request that arrives piece by piece. Bytes after the end of the line are ignored.
class RequestLine {
  public:
    static constexpr std::size_t longest = 64 << 10;  ///< bytes, without the end of the line

    enum class State : std::uint8_t { unfinished, whole, too_long };

    /// Appends no more than there is room for.
    State append(std::string_view piece);

    /// Without the end of the line.
    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    std::string text_;
};

/// The answer to a line, including the end of the line. The handler is called with JSON objects only. An answer that
/// takes a while is no function here, and is given to `later`.
[[nodiscard]] Pieces answer_to(std::string_view line, const Handler& handler,
                               const std::function<void(Pieces)>& later = {});

}  // namespace culvert::lbd
