// SPDX-License-Identifier: Apache-2.0
#include "realserver/monitor/monitor.hpp"

#include <fmt/format.h>
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

namespace culvert::realserver {

namespace {

using common::log;
using netlink::Result;
using netlink::Topic;
using namespace std::chrono_literals;

constexpr auto time_to_gather = 100ms;  // changes that belong together
constexpr auto glance_interval = 500ms;
constexpr auto patience = 10s;  // with another realserver, at the start and to adopt a configuration

bool overlap(const netlink::Prefix& one, const netlink::Prefix& other) {
    return one.length < other.length ? one.contains(other.address) : other.contains(one.address);
}

/// Whether it can be about a setting of ours, or about a way to the balancers, which XDP and the MTU depend on.
bool matters(const netlink::Event& event, const Config& config) {
    if (const auto* address = std::get_if<netlink::AddressChanged>(&event)) return address->value.link == index_of_lo;
    if (const auto* route = std::get_if<netlink::RouteChanged>(&event))
        return route->value.table == RT_TABLE_LOCAL ||
               std::ranges::any_of(config.balancers, [&](const netlink::Prefix& balancer) {
                   return overlap(route->value.destination, balancer);
               });
    if (const auto* conf = std::get_if<netlink::DeviceConfChanged>(&event)) return conf->value.rp_filter.has_value();
    return true;
}

void say_who(const std::string& holder) { spdlog::info("waiting for " + holder + " to end"); }

/// For how long, to the second.
std::string words(Backoff::Delay delay) {
    return fmt::format("{} s", std::chrono::ceil<std::chrono::seconds>(delay).count());
}

std::string summary(const Repairs& repairs, std::size_t repaired) {
    const std::size_t wrong =
        repairs.failed.size() + repairs.held.size() + repairs.premature.size() + repairs.conflicts.size();
    const std::string so_far = fmt::format("{} repair{} so far", repaired, repaired == 1 ? "" : "s");
    if (wrong == 0) return "in order; " + so_far;
    return fmt::format("{} setting{} not in order; {}", wrong, wrong == 1 ? "" : "s", so_far);
}

}  // namespace

Result<Monitor> Monitor::open(KernelHost host, RecordFile file, std::string path) {
    TRY(auto loop, common::EventLoop::open());
    TRY(auto network, netlink::Monitor::open({Topic::links, Topic::addresses, Topic::routes, Topic::device_confs}));
    Monitor monitor(std::move(host), std::move(file), std::move(path), std::move(loop), std::move(network));
    auto rulesets = netlink::nft::Monitor::open();
    if (!rulesets && rulesets.error().code != EPROTONOSUPPORT) return tl::unexpected(std::move(rulesets).error());
    if (rulesets) monitor.rulesets_ = *std::move(rulesets);
    return monitor;
}

Result<> Monitor::run(Config config) {
    CHECK_OK(listen());
    TRY(const Lock alone, begin(std::move(config)));
    unannounced_ = host_.unannounced();
    next_look_.arm(0ms);
    next_glance_.arm(glance_interval);
    loop_.feed_watchdog();
    const auto ran = loop_.run();
    ::sd_notify(0, "STOPPING=1");
    return ran ? outcome_ : ran;
}

Result<Lock> Monitor::begin(Config config) {
    TRY(const Lock changing, Lock::to_change(record_directory, patience, say_who));
    TRY(Lock alone, Lock::to_monitor(file_.monitor()));
    CHECK_OK(change_to(std::move(config)));
    ::sd_notify(0, "READY=1");
    spdlog::info("ready: what changes is repaired");
    return alone;
}

/// Other than by repairs, all or nothing.
Result<> Monitor::change_to(Config config) {
    TRY(const Config completed, host_.completed(config));
    const auto outcome = apply(host_, file_, completed);
    if (!outcome) {
        const Failure& failure = outcome.error();
        for (const auto& cause : failure.causes) spdlog::error(cause.message());
        for (const auto& stuck : failure.stuck) spdlog::error("cannot be taken back: " + stuck.message());
        return netlink::failure("apply", path_, 0, "not as configured, for the reasons above");
    }
    for (const Change& change : outcome->changes) spdlog::info("applied: " + change.to_string());
    for (const std::string& left : outcome->left) spdlog::info("somebody else's now, so left alone: " + left);
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
    if (rulesets_) CHECK_OK(add(loop_.on_io(rulesets_->fd(), EPOLLIN, [this](std::uint32_t) { hear_of_ruleset(); })));
    TRY(next_look_, loop_.timer([this] { look(); }));
    TRY(next_glance_, loop_.timer([this] { glance(); }));
    return {};
}

void Monitor::end(Result<> outcome) {
    outcome_ = std::move(outcome);
    loop_.stop();
}

void Monitor::hear_of_network() {
    const auto events = network_.read();
    if (!events) return end(tl::unexpected(events.error()));
    if (std::ranges::any_of(*events, [this](const auto& event) { return matters(event, config_); }))
        next_look_.arm(time_to_gather);
}

void Monitor::hear_of_ruleset() {
    const auto transactions = rulesets_->read();
    if (!transactions) return end(tl::unexpected(transactions.error()));
    for (const auto& transaction : *transactions) {
        const auto& tables = transaction.tables;
        if (!tables.empty() && !tables.contains(std::string(table_name))) continue;
        if (transaction.pid != static_cast<std::uint32_t>(getpid())) culprit_ = transaction;
        next_look_.arm(time_to_gather);
    }
}

void Monitor::glance() {
    next_glance_.arm(glance_interval);
    auto now = host_.unannounced();
    if (now == unannounced_) return;
    unannounced_ = std::move(now);
    look();
}

void Monitor::look() {
    const auto now = std::chrono::steady_clock::now();
    const auto changing = Lock::to_change(record_directory, 0ms);
    if (!changing) {
        complain({changing.error().message()});
        return next_look_.arm(time_to_gather);
    }
    const auto completed = host_.completed(config_);  // anew: devices and routes change
    const auto repairs = completed ? repair(host_, file_, *completed, backoff_, now, false)
                                   : Result<Repairs>(tl::unexpected(completed.error()));
    if (!repairs) {
        complain({repairs.error().message()});
        return next_look_.arm(Backoff::shortest);
    }
    // The kernel shows a transaction before it announces it, but announces it before it takes the next one, ours.
    if (rulesets_) hear_of_ruleset();
    report(*repairs);
    const auto again = [&](const Change& change) {
        next_look_.arm(std::max<Backoff::Delay>(backoff_.wait(change.key(), now), time_to_gather));
    };
    for (const auto& failed : repairs->failed) again(failed.change);
    std::ranges::for_each(repairs->held, again);
}

void Monitor::report(const Repairs& repairs) {
    const auto now = std::chrono::steady_clock::now();
    for (const Change& change : repairs.made) {
        const bool known = culprit_ && culprit_->pid != 0 && change.key().kind == Kind::table;
        log(spdlog::level::warn,
            {{"EVENT", "repaired"}, {"OBJECT", change.key().to_string()}, {"CHANGE", change.to_string()}},
            fmt::format(
                "repaired: {}{}", change.to_string(),
                known ? fmt::format("; it was changed by process {} ({})", culprit_->pid, culprit_->program) : ""));
    }
    for (const auto& [change, error] : repairs.failed)
        if (backoff_.is_news(change.key()))
            log(spdlog::level::err,
                {{"EVENT", "not_repaired"}, {"OBJECT", change.key().to_string()}, {"REASON", error.message()}},
                fmt::format("not repaired: {}: {}; trying again in {}", change.to_string(), error.message(),
                            words(backoff_.wait(change.key(), now))));
    for (const Change& change : repairs.held)
        if (backoff_.is_news(change.key()))
            log(spdlog::level::warn, {{"EVENT", "contested"}, {"OBJECT", change.key().to_string()}},
                fmt::format("somebody else keeps changing {} ({}): trying again in {}", change.key().to_string(),
                            change.to_string(), words(backoff_.wait(change.key(), now))));
    std::vector<std::string> complaints;
    for (const auto& conflict : repairs.conflicts) complaints.push_back(conflict.message());
    complaints.insert(complaints.end(), repairs.notes.begin(), repairs.notes.end());
    complain(std::move(complaints));
    culprit_.reset();
    repaired_ += repairs.made.size();
    ::sd_notifyf(0, "STATUS=%s", summary(repairs, repaired_).c_str());
}

/// Of what holds now, says what did not hold before.
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
        spdlog::info("the configuration is the same");
    } else if (const auto changed = adopt(*std::move(config)); !changed) {
        spdlog::error(changed.error().message() + "; the configuration stays as it was");
    } else {
        spdlog::info("the configuration is the new one");
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
