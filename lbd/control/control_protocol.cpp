// SPDX-License-Identifier: Apache-2.0
#include "lbd/control/control_protocol.hpp"

#include <utility>

#include <nlohmann/json.hpp>

namespace culvert::lbd {

using Json = nlohmann::ordered_json;

RequestLine::State RequestLine::append(std::string_view piece) {
    const std::size_t end = piece.find('\n');
    const std::string_view more = piece.substr(0, end);
    if (more.size() > longest - text_.size()) return State::too_long;
    text_ += more;
    return end == std::string_view::npos ? State::unfinished : State::whole;
}

namespace {

/// The reply in one piece.
Pieces whole(const Json& reply) {
    return [text = reply.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n']() mutable {
        return std::exchange(text, {});
    };
}

Pieces within(std::string head, Pieces pieces, std::string tail) {
    return [head = std::move(head), pieces = std::move(pieces), tail = std::move(tail)]() mutable {
        if (!head.empty()) return std::exchange(head, {});
        std::string piece = pieces();
        return piece.empty() ? std::exchange(tail, {}) : piece;
    };
}

}  // namespace

Pieces answer_to(std::string_view line, const Handler& handler, const std::function<void(Pieces)>& later) {
    const Json request = Json::parse(line, nullptr, false);
    Answer answer = request.is_object() ? handler(request) : tl::unexpected(std::string("not a JSON object"));
    if (!answer) return whole(Json{{"error", answer.error()}});
    if (const Json* const json = std::get_if<Json>(&*answer)) return whole(Json{{"ok", *json}});
    if (const Later* const begin = std::get_if<Later>(&*answer)) {
        (*begin)([later](const tl::expected<Json, std::string>& known) {
            later(whole(known ? Json{{"ok", *known}} : Json{{"error", known.error()}}));
        });
        return {};
    }
    return within("{\"ok\":", std::get<Pieces>(*std::move(answer)), "}\n");
}

}  // namespace culvert::lbd
