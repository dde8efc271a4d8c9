// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <nlohmann/json.hpp>

#include "common/log.hpp"
#include "common/suggest.hpp"
#include "lbd/control/request.hpp"
#include "lbd/daemon/daemon.hpp"
#include "lbd/model/log_events.hpp"
#include "lbd/reload/reload.hpp"
#include "lbd/show/show.hpp"

/// What the running balancer answers to commands.
namespace culvert::lbd {
namespace {

using common::log;

/// No backend is called so; whose name is near.
std::string unknown(const Config& config, const DrainRequest& request) {
    std::set<std::string_view> services;
    std::set<std::string_view> backends;
    for (const Service& service : config.services) {
        services.insert(service.name);
        if (!request.service.empty() && service.name != request.service) continue;
        for (const Backend& backend : service.backends) backends.insert(backend.name);
    }
    const bool is_service = !request.service.empty() && !services.contains(request.service);
    const std::string& word = is_service ? request.service : request.backend;
    const auto& names = is_service ? services : backends;
    const auto meant = common::suggest(word, {names.begin(), names.end()});
    const std::string of =
        is_service || request.service.empty() ? "" : fmt::format(" of service \"{}\"", request.service);
    return fmt::format("no {} \"{}\"{}: {}", is_service ? "service" : "backend", word, of,
                       meant ? fmt::format("did you mean {}?", *meant)
                             : fmt::format("lbd show {} has them", is_service ? "services" : "backends"));
}

nlohmann::ordered_json listed(const Drains& drains) {
    auto list = nlohmann::ordered_json::array();
    for (const Drained& one : drains) list.push_back({{"service", one.service}, {"backend", one.backend}});
    return {{"backends", std::move(list)}};
}

}  // namespace

Answer Daemon::answer(const Json& json) {
    const auto request = parse_request(json);
    if (!request) return tl::unexpected(request.error());
    return std::visit([this](const auto& one) { return answer(one); }, *request);
}

Answer Daemon::answer(const ShowRequest& request) {
    auto status = observed(parts_of(request.view));
    if (!status) return tl::unexpected(status.error().message());
    return Pieces([text = JsonText(request.view, *std::move(status))]() mutable { return text.next(); });
}

netlink::Result<> Daemon::adopt(Config written, Drains drains) {
    return Reload(*balancer_, std::move(written), std::move(drains)).run();
}

/// {"refused": ["file:line:column: …", …]}, or {} if the configuration is in force.
Answer Daemon::answer(const ReloadRequest& /*request*/) {
    const Reloaded result = follower_.reload();
    if (!result.failed.empty()) return tl::unexpected(result.failed);
    if (result.done()) return Json::object();
    Json refused = Json::array();
    for (const ConfigError& error : result.refused) refused.push_back(error.to_string());
    return Json{{"refused", refused}};
}

/// {"backends": [{"service": …, "backend": …}, …]}: those that are drained now; or {"unknown": "no backend …"}.
Answer Daemon::answer(const DrainRequest& request) {
    const Drains found = find_backends(balancer_->config, request.backend, request.service);
    if (found.empty()) return Json{{"unknown", unknown(balancer_->config, request)}};
    Drains drains = balancer_->drains;
    drains.insert(found.begin(), found.end());
    if (const auto changed = adopt(balancer_->written, std::move(drains)); !changed)
        return tl::unexpected(changed.error().message());
    for (const Drained& one : found)
        log(spdlog::level::info, {{"EVENT", log_event("drained")}, {"SERVICE", one.service}, {"BACKEND", one.backend}},
            fmt::format("{}: {} is drained", one.service, one.backend));
    return listed(found);
}

/// The same of those that are drained no longer.
Answer Daemon::answer(const UndrainRequest& request) {
    const Drains found = find_backends(balancer_->config, request.backend, request.service);
    if (found.empty()) return Json{{"unknown", unknown(balancer_->config, request)}};
    Drains drains = balancer_->drains;
    Drains freed;
    std::ranges::set_intersection(found, drains, std::inserter(freed, freed.end()));
    for (const Drained& one : freed) drains.erase(one);
    if (freed.empty())
        return tl::unexpected(
            fmt::format("{} was not drained by lbd drain, so {} says what it is", request.backend, follower_.source()));
    if (const auto changed = adopt(balancer_->written, std::move(drains)); !changed)
        return tl::unexpected(changed.error().message());
    for (const Drained& one : freed)
        log(spdlog::level::info,
            {{"EVENT", log_event("undrained")}, {"SERVICE", one.service}, {"BACKEND", one.backend}},
            fmt::format("{}: {} is as configured again", one.service, one.backend));
    return listed(freed);
}

/// There is no answer: the connection ends with the process.
Answer Daemon::answer(const StopRequest& request) {
    detach_ = request.detach;
    loop_.stop();
    return Json::object();
}

}  // namespace culvert::lbd
