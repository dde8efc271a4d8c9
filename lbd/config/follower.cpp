// SPDX-License-Identifier: Apache-2.0
#include "lbd/config/follower.hpp"

#include <fmt/core.h>
#include <systemd/sd-daemon.h>

#include <chrono>
#include <utility>

#include "common/log.hpp"
#include "lbd/model/log_events.hpp"

namespace culvert::lbd {
namespace {

using common::log;
using netlink::Result;
using namespace std::chrono_literals;

constexpr auto time_to_gather = 50ms;  // collects news that come together
constexpr auto time_to_retry = 2s;     // after a failure, which may be for lack of memory

/// sd_notify(3): `systemctl reload` waits meanwhile.
void notify_begin() {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    ::sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
                 static_cast<long long>(std::chrono::duration_cast<std::chrono::microseconds>(now).count()));
}

}  // namespace

ConfigFollower::ConfigFollower(std::unique_ptr<ConfigSource> source, Adopt adopt)
    : source_(std::move(source)), adopt_(std::move(adopt)) {}

Result<> ConfigFollower::watch(common::EventLoop& loop) {
    TRY(next_, loop.timer([this] { follow(); }));
    return source_->watch(loop, [this] { next_.arm(time_to_gather); });
}

void ConfigFollower::tell_manager() {
    tells_manager_ = true;
    ::sd_notify(0, "READY=1");
}

Reloaded ConfigFollower::reload() {
    Reloaded result = adopt_present();
    report(result);
    return result;
}

void ConfigFollower::follow() {
    const Reloaded result = adopt_present();
    if (!result.failed.empty()) next_.arm(time_to_retry);
    if (result.done() || result != reported_) report(result);
}

Reloaded ConfigFollower::adopt_present() {
    if (tells_manager_) notify_begin();
    Reloaded result;
    if (auto config = source_->read()) {
        result.services = config->services.size();
        if (const auto adopted = adopt_(*std::move(config)); !adopted) result.failed = adopted.error().message();
    } else {
        result.refused = std::move(config.error());
    }
    if (tells_manager_) ::sd_notify(0, "READY=1");
    return result;
}

void ConfigFollower::report(const Reloaded& result) {
    reported_ = result;
    counts_.last_done = result.done();
    ++(result.done() ? counts_.done : counts_.failed);
    for (const ConfigError& error : result.refused)
        log(spdlog::level::err, {{"EVENT", log_event("reload_refused")}, {"REASON", error.to_string()}},
            "reload refused: " + error.to_string());
    if (!result.failed.empty())
        log(spdlog::level::err, {{"EVENT", log_event("reload_failed")}, {"REASON", result.failed}},
            "reload failed: " + result.failed);
    if (result.done())
        log(spdlog::level::info, {{"EVENT", log_event("reloaded")}},
            fmt::format("reloaded {}: {} services", source_->name(), result.services));
}

}  // namespace culvert::lbd
