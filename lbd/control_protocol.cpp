// SPDX-License-Identifier: Apache-2.0
#include "lbd/control_protocol.hpp"

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

std::string answer_to(std::string_view line, const Handler& handler) {
    const Json request = Json::parse(line, nullptr, false);
    const Answer answer = request.is_object() ? handler(request) : tl::unexpected(std::string("not a JSON object"));
    const Json reply = answer ? Json{{"ok", *answer}} : Json{{"error", answer.error()}};
    return reply.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace culvert::lbd
