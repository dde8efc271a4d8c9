// SPDX-License-Identifier: Apache-2.0
#include "lbd/daemon/handlers.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <variant>

#include <nlohmann/json.hpp>

#include "common/log.hpp"
#include "lbd/daemon/explain_frames.hpp"
#include "lbd/daemon/observe.hpp"
#include "lbd/forecast/json.hpp"
#include "lbd/model/cure.hpp"
#include "lbd/model/log_events.hpp"
#include "lbd/reload/reload.hpp"
#include "lbd/show/json.hpp"

namespace culvert::lbd {
namespace {

using common::log;

nlohmann::ordered_json refused_json(const ConfigErrors& errors) {
    auto lines = nlohmann::ordered_json::array();
    for (const ConfigError& error : errors) lines.push_back(error.to_string());
    return {{"refused", std::move(lines)}};
}

nlohmann::ordered_json listed(const Drains& drains) {
    auto list = nlohmann::ordered_json::array();
    for (const Drained& one : drains) list.push_back({{"service", one.service}, {"backend", one.backend}});
    return {{"backends", std::move(list)}};
}

}  // namespace

Answer Handlers::operator()(const Json& json) {
    const auto request = parse_request(json);
    if (!request) return tl::unexpected(request.error());
    return std::visit([this](const auto& one) { return answer(one); }, *request);
}

Answer Handlers::answer(const ShowRequest& request) {
    auto status = observe(balancer_, follower_.counts(), parts_of(request.view));
    if (!status) return tl::unexpected(status.error().message());
    return Pieces([text = JsonText(request.view, *std::move(status))]() mutable { return text.next(); });
}

/// {"refused": ["file:line:column: …", …]}, or {} if the configuration is in force.
Answer Handlers::answer(const ReloadRequest& /*request*/) {
    const Reloaded result = follower_.reload();
    if (!result.failed.empty()) return tl::unexpected(result.failed);
    return result.done() ? Json::object() : refused_json(result.refused);
}

/// {"refused": …} likewise, or the forecast.
Answer Handlers::answer(const PlanRequest& request) {
    if (forecaster_.is_busy()) return tl::unexpected(std::string("lbd is busy with another plan: try again"));
    auto config = open_(request.config.empty() ? std::string(follower_.source()) : request.config)->read();
    if (!config) return refused_json(config.error());
    return Later([this, written = *std::move(config)](const auto& tell) {
        forecaster_.begin(written, [tell](const tl::expected<Forecast, std::string>& result) {
            tell(result.map([](const Forecast& forecast) { return forecast_json(forecast); }));
        });
    });
}

/// {"backends": [{"service": …, "backend": …}, …]}: those that are drained now; or {"unknown": "no backend …"}.
Answer Handlers::answer(const DrainRequest& request) {
    const Drains found = find_backends(balancer_.wanted.config, request.backend, request.service);
    if (found.empty()) return Json{{"unknown", not_found(balancer_.wanted.config, request.backend, request.service)}};
    Drains drains = balancer_.wanted.drains;
    drains.insert(found.begin(), found.end());
    if (const auto changed = Reload(balancer_, balancer_.wanted.written, drains).run(); !changed)
        return tl::unexpected(changed.error().message());
    for (const Drained& one : found)
        log(spdlog::level::info, {{"EVENT", log_event("drained")}, {"SERVICE", one.service}, {"BACKEND", one.backend}},
            fmt::format("{}: {} is drained", one.service, one.backend));
    return listed(found);
}

/// Likewise, those that are no longer drained.
Answer Handlers::answer(const UndrainRequest& request) {
    const Drains found = find_backends(balancer_.wanted.config, request.backend, request.service);
    if (found.empty()) return Json{{"unknown", not_found(balancer_.wanted.config, request.backend, request.service)}};
    Drains drains = balancer_.wanted.drains;
    Drains freed;
    std::ranges::set_intersection(found, drains, std::inserter(freed, freed.end()));
    for (const Drained& one : freed) drains.erase(one);
    if (freed.empty())
        return tl::unexpected(
            fmt::format("{} was not drained by lbd drain; its state is in {}", request.backend, follower_.source()));
    if (const auto changed = Reload(balancer_, balancer_.wanted.written, drains).run(); !changed)
        return tl::unexpected(changed.error().message());
    for (const Drained& one : freed)
        log(spdlog::level::info,
            {{"EVENT", log_event("undrained")}, {"SERVICE", one.service}, {"BACKEND", one.backend}},
            fmt::format("{}: {} is as configured again", one.service, one.backend));
    return listed(freed);
}

/// An explanation of each frame.
Answer Handlers::answer(const ExplainRequest& request) {
    auto explanations = explain_frames(balancer_, request);
    if (!explanations) return tl::unexpected(std::move(explanations.error()));
    return *std::move(explanations);
}

Answer Handlers::answer(const LeaveRequest& /*request*/) {
    if (!balancer_.wanted.config.announce)
        return tl::unexpected(fmt::format("nothing is announced: {}", cure_of("nothing_announced")));
    if (const auto left = balancer_.announcer->leave(); !left) return tl::unexpected(left.error().message());
    return Json::object();
}

Answer Handlers::answer(const JoinRequest& /*request*/) {
    if (const auto joined = balancer_.announcer->join(); !joined) return tl::unexpected(joined.error().message());
    return Json::object();
}

/// The connection ends with the process, without an answer.
Answer Handlers::answer(const StopRequest& request) {
    stop_(request.detach);
    return Json::object();
}

}  // namespace culvert::lbd
