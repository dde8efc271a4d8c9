// SPDX-License-Identifier: Apache-2.0
#include "realserver/run/monitor.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/rtnetlink.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <utility>
#include <variant>

#include "common/log.hpp"
#include "realserver/config/reader.hpp"
#include "realserver/guard/ruleset.hpp"
#include "realserver/run/log_events.hpp"

namespace culvert::realserver {

namespace {

using common::log;
using netlink::Result;
using netlink::Topic;
using namespace std::chrono_literals;

constexpr auto time_to_gather = 100ms;  // for changes that belong together
constexpr auto glance_interval = 500ms;
constexpr auto patience = 10s;            // time to wait for another realserver before a reload fails
constexpr auto time_to_reconsider = 10s;  // for obstacles that may vanish without an event

bool overlap(const netlink::Prefix& one, const netlink::Prefix& other) {
    return one.length < other.length ? one.contains(other.address) : other.contains(one.address);
}

/// Whether the event may concern one of our settings, a route to the balancers, which XDP and the MTU depend on, or a
/// gateway that no VIP may contain.
bool matters(const netlink::Event& event, const Config& config) {
    if (const auto* address = std::get_if<netlink::AddressChanged>(&event)) return address->value.link == index_of_lo;
    if (const auto* route = std::get_if<netlink::RouteChanged>(&event))
        return route->value.table == RT_TABLE_LOCAL ||
               std::ranges::any_of(
                   config.balancers,
                   [&](const netlink::Prefix& balancer) { return overlap(route->value.destination, balancer); }) ||
               std::ranges::any_of(config.vips, [&](const netlink::Prefix& vip) {
                   return std::ranges::any_of(route->value.hops, [&](const netlink::NextHop& hop) {
                       return hop.gateway && vip.contains(*hop.gateway);
                   });
               });
    if (const auto* conf = std::get_if<netlink::DeviceConfChanged>(&event)) return conf->value.rp_filter.has_value();
    return true;
}

void say_who(const std::string& holder) { spdlog::info("waiting for " + holder + " to end"); }

/// The delay, rounded up to seconds.
std::string words(Backoff::Delay delay) {
    return fmt::format("{} s", std::chrono::ceil<std::chrono::seconds>(delay).count());
}

std::string summary(const Repairs& repairs, std::size_t repaired) {
    constexpr std::size_t most_named = 3;
    std::vector<std::string> wrong;
    for (const auto& conflict : repairs.conflicts) wrong.push_back(conflict.object);
    for (const auto& failed : repairs.failed) wrong.push_back(failed.change.key().to_string());
    for (const auto* changes : {&repairs.held, &repairs.premature})
        for (const Change& change : *changes) wrong.push_back(change.key().to_string());
    const std::string so_far = fmt::format("{} repair{} so far", repaired, repaired == 1 ? "" : "s");
    if (wrong.empty()) return "in order; " + so_far;
    const std::size_t more = wrong.size() - std::min(wrong.size(), most_named);
    wrong.resize(wrong.size() - more);
    return fmt::format("not in order: {}{}; {}", fmt::join(wrong, ", "),
                       more == 0 ? "" : fmt::format(" and {} more", more), so_far);
}

}  // namespace

Result<Monitor> Monitor::open(KernelHost host, RecordFile file, std::string path) {
    TRY(auto loop, common::EventLoop::open());
    TRY(auto network, netlink::Monitor::open({Topic::links, Topic::addresses, Topic::routes, Topic::next_hops,
                                              Topic::rules, Topic::device_confs}));
    return Monitor(std::move(host), std::move(file), std::move(path), std::move(loop), std::move(network));
}

Result<> Monitor::run(Config config) {
    TRY(const Lock alone, Lock::to_monitor(file_.monitor()));
    config_ = std::move(config);
    CHECK_OK(listen());
    unannounced_ = host_.unannounced();
    next_look_.arm(0ms);
    next_glance_.arm(glance_interval);
    loop_.feed_watchdog();
    const auto ran = loop_.run();
    ::sd_notify(0, "STOPPING=1");
    return ran ? outcome_ : ran;
}

/// Unlike a repair, this is all or nothing, except for changes that were impossible before, too.
Result<> Monitor::change_to(Config config) {
    const auto outcome = apply(host_, file_, config);
    if (!outcome) {
        const Failure& failure = outcome.error();
        if (failure.stuck.empty() && std::ranges::all_of(failure.causes, [this](const netlink::Error& cause) {
                return notices_.is_hindrance(cause);
            })) {
            config_ = std::move(config);
            return {};
        }
        for (const auto& cause : failure.causes) spdlog::error(cause.message());
        for (const auto& stuck : failure.stuck) spdlog::error("cannot be rolled back: " + stuck.message());
        return netlink::failure("apply", path_, 0, "failed for the reasons above");
    }
    for (const Change& change : outcome->changes) spdlog::info("applied: " + change.to_string());
    for (const std::string& left : outcome->left) spdlog::info("left alone, as somebody else has changed it: " + left);
    config_ = std::move(config);
    return {};
}

Result<> Monitor::listen() {
    const auto add = [this](Result<common::EventLoop::Source> source) -> Result<> {
        if (!source) return tl::unexpected(std::move(source).error());
        sources_.push_back(*std::move(source));
        return {};
    };
    for (const int signal : {SIGTERM, SIGINT}) CHECK_OK(add(loop_.on_signal(signal, [this] { end({}); })));
    CHECK_OK(add(loop_.on_signal(SIGHUP, [this] { reload(); })));
    CHECK_OK(add(loop_.on_io(network_.fd(), EPOLLIN, [this](std::uint32_t) { hear_of_network(); })));
    CHECK_OK(follow_rulesets());
    TRY(next_look_, loop_.timer([this] { look(); }));
    TRY(next_glance_, loop_.timer([this] { glance(); }));
    return {};
}

/// The kernel may load nf_tables later.
Result<> Monitor::follow_rulesets() {
    if (rulesets_) return {};
    auto rulesets = netlink::nft::Monitor::open();
    if (!rulesets && rulesets.error().code == EPROTONOSUPPORT) return {};
    if (!rulesets) return tl::unexpected(std::move(rulesets).error());
    rulesets_ = *std::move(rulesets);
    TRY(auto source, loop_.on_io(rulesets_->fd(), EPOLLIN, [this](std::uint32_t) { hear_of_ruleset(); }));
    sources_.push_back(std::move(source));
    return {};
}

void Monitor::end(Result<> outcome) {
    outcome_ = std::move(outcome);
    loop_.stop();
}

void Monitor::hear_of_network() {
    const auto events = network_.read();
    if (!events) return end(tl::unexpected(events.error()));
    if (std::ranges::none_of(*events, [this](const auto& event) { return matters(event, config_); })) return;
    backoff_.hasten();
    next_look_.arm(time_to_gather);
}

void Monitor::hear_of_ruleset() {
    const auto transactions = rulesets_->read();
    if (!transactions) return end(tl::unexpected(transactions.error()));
    for (const auto& transaction : *transactions) {
        const auto& tables = transaction.tables;
        if (!tables.empty() && !tables.contains(std::string(table_name))) continue;
        if (transaction.pid != static_cast<std::uint32_t>(getpid())) notices_.heard(transaction);
        next_look_.arm(time_to_gather);
    }
}

void Monitor::glance() {
    next_glance_.arm(glance_interval);
    auto now = host_.unannounced();
    if (now == unannounced_) return;
    unannounced_ = std::move(now);
    backoff_.hasten();
    look();
}

void Monitor::look() {
    const auto now = std::chrono::steady_clock::now();
    const auto changing = Lock::to_change(record_directory, 0ms);
    if (!changing) {
        complain({changing.error().message()});
        return next_look_.arm(time_to_gather);
    }
    const auto repairs = repair(host_, file_, config_, backoff_, now, !has_looked_);
    if (!repairs) {
        complain({repairs.error().message()});
        be_ready(false);
        return next_look_.arm(Backoff::shortest);
    }
    has_looked_ = true;
    if (const auto followed = follow_rulesets(); !followed) return end(followed);
    // The kernel shows a transaction, then announces it, and only then accepts the next one, which is ours.
    if (rulesets_) hear_of_ruleset();
    report(*repairs);
    const auto again = [&](const Change& change) {
        next_look_.arm(std::max<Backoff::Delay>(backoff_.wait(change.key(), now), time_to_gather));
    };
    for (const auto& failed : repairs->failed) again(failed.change);
    std::ranges::for_each(repairs->held, again);
    if (!repairs->conflicts.empty()) next_look_.arm(time_to_reconsider);
}

void Monitor::report(const Repairs& repairs) {
    for (const Notice& notice : notices_.of(repairs)) report(notice);
    std::vector<std::string> complaints;
    for (const auto& conflict : repairs.conflicts) complaints.push_back(conflict.message());
    complaints.insert(complaints.end(), repairs.notes.begin(), repairs.notes.end());
    complain(std::move(complaints));
    be_ready(repairs.in_order());
    ::sd_notifyf(0, "STATUS=%s", summary(repairs, repaired_).c_str());
}

void Monitor::report(const Notice& notice) {
    const Key key = notice.change.key();
    const std::string object = key.to_string();
    const std::string change = notice.change.to_string();
    const auto say = [&](spdlog::level::level_enum level, const char* event, const std::string& text) {
        log(level, {{"EVENT", event}, {"OBJECT", object}, {"CHANGE", change}, {"REASON", notice.reason}}, text);
    };
    switch (notice.kind) {
        case Notice::Kind::applied:
            return say(spdlog::level::info, log_event("applied"), "applied: " + change);
        case Notice::Kind::repaired: {
            ++repaired_;
            const bool known = notice.by && notice.by->pid != 0;
            return say(spdlog::level::warn, log_event("repaired"),
                       fmt::format("repaired: {}{}", change,
                                   known ? fmt::format("; it was changed by process {} ({})", notice.by->pid,
                                                       notice.by->program)
                                         : ""));
        }
        case Notice::Kind::waiting:
            return say(spdlog::level::warn, log_event("waiting"),
                       fmt::format("not possible yet: {}: {}", change, notice.reason));
        case Notice::Kind::not_repaired:
            return say(spdlog::level::err, log_event("not_repaired"),
                       fmt::format("not repaired: {}: {}", change, notice.reason));
        case Notice::Kind::contested:
            if (backoff_.is_news(key))
                say(spdlog::level::warn, log_event("contested"),
                    fmt::format("somebody else keeps changing {} ({}): trying again in {}", object, change,
                                words(backoff_.delay(key))));
    }
}

/// Readiness doesn't wait for settings that can't be set up yet: that may never be possible.
void Monitor::be_ready(bool in_order) {
    if (!std::exchange(is_ready_, true)) {
        ::sd_notify(0, "READY=1");
        if (!in_order) spdlog::info("running: missing settings are made as soon as possible");
    }
    if (in_order && !std::exchange(was_in_order_, true)) spdlog::info("ready: changes by others are repaired");
}

/// Logs the complaints that are new, and remembers those that still hold.
void Monitor::complain(std::vector<std::string> complaints) {
    for (const std::string& complaint : complaints)
        if (std::ranges::find(complaints_, complaint) == complaints_.end()) spdlog::error(complaint);
    complaints_ = std::move(complaints);
}

void Monitor::reload() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    ::sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", now.tv_sec * 1'000'000LL + now.tv_nsec / 1000);
    if (auto config = common::yaml::load(path_, read_config); !config) {
        for (const auto& error : config.error()) spdlog::error(error.to_string());
        spdlog::error("the configuration stays as it was");
    } else if (*config == config_) {
        spdlog::info("the configuration has not changed");
    } else if (const auto changed = adopt(*std::move(config)); !changed) {
        spdlog::error(changed.error().message() + "; the configuration stays as it was");
    } else {
        spdlog::info("the new configuration is in force");
    }
    backoff_.forget();
    next_look_.arm(0ms);
    ::sd_notify(0, "READY=1");
}

Result<> Monitor::adopt(Config config) {
    TRY(const Lock changing, Lock::to_change(record_directory, patience, say_who));
    return change_to(std::move(config));
}

}  // namespace culvert::realserver
