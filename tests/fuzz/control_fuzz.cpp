// SPDX-License-Identifier: Apache-2.0
// The balancer's side of the control socket, with arbitrary input in arbitrary pieces. The answer is one line of JSON,
// "ok" or "error".
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "lbd/control/control_protocol.hpp"
#include "lbd/control/request.hpp"

namespace {

using namespace culvert::lbd;
using Json = nlohmann::ordered_json;

void require(bool holds) {
    if (!holds) std::abort();
}

/// What a balancer would read from it.
Answer handle(const Json& json) {
    const auto request = parse_request(json);
    if (!request) {
        require(!request.error().empty());
        return tl::unexpected(request.error());
    }
    if (const auto* explain = std::get_if<ExplainRequest>(&*request))
        require(explain->frames.size() <= ExplainRequest::most_frames);
    return json;
}

}  // namespace

/// The first byte gives the size of the pieces.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t length = std::size_t{*data} * 32 + 1;
    std::string_view left(reinterpret_cast<const char*>(data) + 1, size - 1);
    RequestLine line;
    auto state = RequestLine::State::unfinished;
    for (; state == RequestLine::State::unfinished && !left.empty();
         left.remove_prefix(std::min(length, left.size()))) {
        state = line.append(left.substr(0, length));
        require(line.text().size() <= RequestLine::longest && line.text().find('\n') == std::string::npos);
    }
    if (state != RequestLine::State::whole) return 0;

    const std::string answer = answer_to(line.text(), handle)();
    require(std::ranges::count(answer, '\n') == 1 && answer.ends_with('\n'));
    const Json json = Json::parse(answer, nullptr, false);
    require(json.is_object() && json.size() == 1 && (json.contains("ok") || json.contains("error")));
    return 0;
}
