// SPDX-License-Identifier: Apache-2.0
#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>

#include <array>
#include <chrono>
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

}  // namespace

Control::Answer Daemon::answer(const Json& request) {
    struct Entry {
        std::string_view command;
        Control::Answer (Daemon::*handler)(const Json&);
    };
    static constexpr std::array handlers{
        Entry{"explain", &Daemon::explain},
        Entry{"show", &Daemon::show},
        Entry{"reload", &Daemon::reload},
        Entry{"stop", &Daemon::stop},
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
        changed = change_to(*std::move(config)).map_error([](const auto& error) { return error.message(); });
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

/// There is no answer: the connection ends with the process.
Control::Answer Daemon::stop(const Json& request) {
    detach_ = request.contains("detach") && request["detach"] == true;
    end({});
    return Json::object();
}

}  // namespace culvert::lbd
