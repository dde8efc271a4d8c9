// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <nlohmann/json.hpp>

#include "common/log.hpp"
#include "common/suggest.hpp"
#include "lbd/config/file/incremental.hpp"
#include "lbd/control/request.hpp"
#include "lbd/daemon/daemon.hpp"
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

tl::expected<void, std::string> Daemon::adopt(SharedReading written, Drains drains) {
    return Reload(*balancer_, std::move(written), std::move(drains)).run().map_error([](const auto& error) {
        return error.message();
    });
}

/// {"refused": ["file:line:column: …", …]}, or {} if the configuration is in force.
Answer Daemon::answer(const ReloadRequest& /*request*/) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    ::sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
                 static_cast<long long>(std::chrono::duration_cast<std::chrono::microseconds>(now).count()));
    auto reading = reload_config(path_, balancer_->written);
    Json refused = Json::array();
    tl::expected<void, std::string> changed;
    if (reading)
        changed = adopt(*std::move(reading), balancer_->drains);
    else
        for (const auto& error : reading.error()) refused.push_back(error.to_string());
    ::sd_notify(0, "READY=1");
    reloads_.last_done = reading && changed;
    ++(reloads_.last_done ? reloads_.done : reloads_.failed);
    for (const auto& line : refused)
        log(spdlog::level::err, {{"EVENT", "reload_refused"}, {"REASON", line}},
            fmt::format("reload refused: {}", line.get<std::string>()));
    if (!refused.empty()) return Json{{"refused", refused}};
    if (!changed) {
        log(spdlog::level::err, {{"EVENT", "reload_failed"}, {"REASON", changed.error()}},
            fmt::format("reload failed: {}", changed.error()));
        return tl::unexpected(changed.error());
    }
    log(spdlog::level::info, {{"EVENT", "reloaded"}},
        fmt::format("reloaded {}: {} services", path_, balancer_->config.services.size()));
    return Json::object();
}

/// {"backends": [{"service": …, "backend": …}, …]}: those that are drained now; or {"unknown": "no backend …"}.
Answer Daemon::answer(const DrainRequest& request) {
    const Drains found = find_backends(balancer_->config, request.backend, request.service);
    if (found.empty()) return Json{{"unknown", unknown(balancer_->config, request)}};
    Drains drains = balancer_->drains;
    drains.insert(found.begin(), found.end());
    if (const auto changed = adopt(balancer_->written, std::move(drains)); !changed)
        return tl::unexpected(changed.error());
    for (const Drained& one : found)
        log(spdlog::level::info, {{"EVENT", "drained"}, {"SERVICE", one.service}, {"BACKEND", one.backend}},
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
            fmt::format("{} was not drained by lbd drain, so {} says what it is", request.backend, path_));
    if (const auto changed = adopt(balancer_->written, std::move(drains)); !changed)
        return tl::unexpected(changed.error());
    for (const Drained& one : freed)
        log(spdlog::level::info, {{"EVENT", "undrained"}, {"SERVICE", one.service}, {"BACKEND", one.backend}},
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
