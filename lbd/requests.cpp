// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "lbd/config/config.hpp"
#include "lbd/daemon.hpp"
#include "lbd/show/show.hpp"

/// What the running balancer answers to commands.
namespace culvert::lbd {
namespace {

/// The value of a key, if it is a string; else nothing.
std::string word(const nlohmann::ordered_json& request, const char* key) {
    const auto value = request.find(key);
    return value != request.end() && value->is_string() ? value->get<std::string>() : std::string();
}

tl::expected<Drains, std::string> find_named(const Config& config, const nlohmann::ordered_json& request) {
    const std::string backend = word(request, "backend");
    const std::string service = word(request, "service");
    Drains found = find_backends(config, backend, service);
    if (!found.empty()) return found;
    return tl::unexpected(fmt::format("no backend \"{}\"{}: lbd show backends has them", backend,
                                      service.empty() ? "" : fmt::format(" of a service \"{}\"", service)));
}

nlohmann::ordered_json listed(const Drains& drains) {
    auto list = nlohmann::ordered_json::array();
    for (const Drained& one : drains) list.push_back({{"service", one.service}, {"backend", one.backend}});
    return {{"backends", std::move(list)}};
}

}  // namespace

Control::Answer Daemon::answer(const Json& request) {
    struct Entry {
        std::string_view command;
        Control::Answer (Daemon::*handler)(const Json&);
    };
    static constexpr std::array handlers{
        Entry{"explain", &Daemon::explain}, Entry{"show", &Daemon::show},       Entry{"reload", &Daemon::reload},
        Entry{"drain", &Daemon::drain},     Entry{"undrain", &Daemon::undrain}, Entry{"stop", &Daemon::stop},
    };
    const std::string command = word(request, "command");
    for (const Entry& entry : handlers)
        if (entry.command == command) return (this->*entry.handler)(request);
    return tl::unexpected("unknown command \"" + command + '"');
}

Control::Answer Daemon::show(const Json& request) {
    const auto wanted = view(word(request, "what"));
    if (!wanted) return tl::unexpected("nothing to show called \"" + word(request, "what") + '"');
    const auto status = observe(config_, image_, hops_, attachments_, resolver_, datapath_, checks());
    if (!status) return tl::unexpected(status.error().message());
    return to_json(*wanted, *status);
}

/// {"refused": ["file:line:column: …", …]}, or {} if the configuration is in force.
Control::Answer Daemon::reload(const Json& /*request*/) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    ::sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
                 static_cast<long long>(std::chrono::duration_cast<std::chrono::microseconds>(now).count()));
    auto config = load_config(path_);
    Json refused = Json::array();
    tl::expected<void, std::string> changed;
    if (config)
        changed = adopt(*std::move(config), drains_).map_error([](const auto& error) { return error.message(); });
    else
        for (const auto& error : config.error()) refused.push_back(error.to_string());
    ::sd_notify(0, "READY=1");
    ++(config && changed ? reloads_.done : reloads_.failed);
    for (const auto& line : refused) spdlog::error("reload refused: {}", line.get<std::string>());
    if (!refused.empty()) return Json{{"refused", refused}};
    if (!changed) {
        spdlog::error("reload failed: {}", changed.error());
        return tl::unexpected(changed.error());
    }
    spdlog::info("reloaded {}: {} services", path_, config_.services.size());
    return Json::object();
}

/// {"backends": [{"service": …, "backend": …}, …]}: those that are drained now.
Control::Answer Daemon::drain(const Json& request) {
    const auto found = find_named(config_, request);
    if (!found) return tl::unexpected(found.error());
    Drains drains = drains_;
    drains.insert(found->begin(), found->end());
    if (const auto changed = adopt(written_, std::move(drains)); !changed)
        return tl::unexpected(changed.error().message());
    for (const Drained& one : *found) spdlog::info("{}: {} is drained", one.service, one.backend);
    return listed(*found);
}

/// The same of those that are drained no longer.
Control::Answer Daemon::undrain(const Json& request) {
    const auto found = find_named(config_, request);
    if (!found) return tl::unexpected(found.error());
    Drains drains = drains_;
    Drains freed;
    std::ranges::set_intersection(*found, drains_, std::inserter(freed, freed.end()));
    for (const Drained& one : freed) drains.erase(one);
    if (freed.empty())
        return tl::unexpected(
            fmt::format("{} was not drained by lbd drain, so {} says what it is", word(request, "backend"), path_));
    if (const auto changed = adopt(written_, std::move(drains)); !changed)
        return tl::unexpected(changed.error().message());
    for (const Drained& one : freed) spdlog::info("{}: {} is as configured again", one.service, one.backend);
    return listed(freed);
}

/// There is no answer: the connection ends with the process.
Control::Answer Daemon::stop(const Json& request) {
    detach_ = request.contains("detach") && request["detach"] == true;
    end({});
    return Json::object();
}

}  // namespace culvert::lbd
