// SPDX-License-Identifier: Apache-2.0
#include "lbd/control/request.hpp"

#include <fmt/core.h>

#include <array>
#include <optional>
#include <string_view>

#include <nlohmann/json.hpp>

#include "lbd/frame/hex.hpp"

namespace culvert::lbd {
namespace {

using Json = nlohmann::ordered_json;
using Parsed = tl::expected<Request, std::string>;

/// The string value of a key; empty if there is none, or if `request` is not an object.
std::string word(const Json& request, const char* key) {
    const auto value = request.find(key);
    return value != request.end() && value->is_string() ? value->get<std::string>() : std::string();
}

Parsed parse_show(const Json& request) {
    const std::string what = word(request, "what");
    if (const auto wanted = view(what)) return ShowRequest{.view = *wanted};
    return tl::unexpected(fmt::format("there is no view \"{}\"", what));
}

DrainRequest named(const Json& request) {
    return {.backend = word(request, "backend"), .service = word(request, "service")};
}

Parsed parse_explain(const Json& request) {
    const auto frames = request.find("frames");
    if (frames == request.end() || !frames->is_array() || frames->size() > ExplainRequest::most_frames)
        return tl::unexpected(fmt::format("\"frames\" must be a list of at most {}", ExplainRequest::most_frames));
    ExplainRequest explain{.frames = {}, .interface = word(request, "interface")};
    for (const Json& frame : *frames) {
        auto front = from_hex(word(frame, "hex"));
        const auto length = frame.find("bytes");
        if (!front) return tl::unexpected(std::string("\"hex\" of a frame must be hexadecimal digits"));
        if (length == frame.end() || !length->is_number_unsigned() || *length < front->size())
            return tl::unexpected(
                std::string("\"bytes\" of a frame must be a number, no less than the bytes in \"hex\""));
        explain.frames.push_back({.front = *std::move(front), .length = length->get<std::size_t>()});
    }
    return explain;
}

Parsed parse_stop(const Json& request) {
    const auto detach = request.find("detach");
    return StopRequest{.detach = detach != request.end() && *detach == true};
}

}  // namespace

Parsed parse_request(const Json& request) {
    struct Entry {
        std::string_view command;
        Parsed (*parse)(const Json&);
    };
    static constexpr std::array parsers{
        Entry{"show", parse_show},
        Entry{"reload", [](const Json&) -> Parsed { return ReloadRequest{}; }},
        Entry{"plan", [](const Json& json) -> Parsed { return PlanRequest{.config = word(json, "config")}; }},
        Entry{"drain", [](const Json& json) -> Parsed { return named(json); }},
        Entry{"undrain", [](const Json& json) -> Parsed { return UndrainRequest{named(json)}; }},
        Entry{"explain", parse_explain},
        Entry{"leave", [](const Json&) -> Parsed { return LeaveRequest{}; }},
        Entry{"join", [](const Json&) -> Parsed { return JoinRequest{}; }},
        Entry{"stop", parse_stop},
    };
    const std::string command = word(request, "command");
    for (const Entry& entry : parsers)
        if (entry.command == command) return entry.parse(request);
    return tl::unexpected(fmt::format("unknown command \"{}\"", command));
}

}  // namespace culvert::lbd
