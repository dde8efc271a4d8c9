// SPDX-License-Identifier: Apache-2.0
#include "lbd/health/checker.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "common/log.hpp"
#include "lbd/health/dns_probe.hpp"
#include "lbd/health/known_subjects.hpp"
#include "lbd/health/probe_address.hpp"
#include "lbd/health/ramp.hpp"
#include "lbd/health/raw_probe.hpp"
#include "lbd/health/script_probe.hpp"
#include "lbd/health/tcp_probe.hpp"
#include "lbd/model/log_events.hpp"
#include "lbd/model/reasons.hpp"

namespace culvert::lbd {
namespace {

using common::log;
using common::log_limited;
using netlink::Result;
using std::chrono::milliseconds;

/// The most packets of a queue that are forwarded before other queues are served. Queues of other programs then pause:
/// 12,800 packets a second are enough for a person and for scripts.
constexpr int most_of_own = 256;
constexpr int most_of_others = 64;
constexpr milliseconds rest_of_others{5};
constexpr milliseconds rest_of_broken{1000};
/// A deadline missed by more than this means that the loop was busy.
constexpr milliseconds lateness{50};

/// An address of the VIP: for a network, the first that a host may have.
IpAddress address_of(const Vip& vip) {
    const auto& prefix = vip.prefix;
    if (prefix.length + 1 >= prefix.address.bits()) return prefix.address;
    std::vector<std::uint8_t> bytes(prefix.address.bytes().begin(), prefix.address.bytes().end());
    bytes.back() |= 1;
    return *IpAddress::from_bytes(bytes);
}

/// Leaves out the address in the checker's network.
Subject subject_of(const Service& service, const Backend& backend) {
    return {.service = service.name,
            .backend = backend.name,
            .backend_address = backend.address,
            .vip = address_of(service.vip),
            .address = {},
            .port = service.health->port != 0 ? service.health->port : service.ports.front().port};
}

bool is_script(const HealthCheck& check) { return std::holds_alternative<ScriptCheck>(check.kind); }

std::string text(const Subject& subject) {
    return fmt::format("service {}: backend {}", subject.service, subject.backend);
}

}  // namespace

Result<std::unique_ptr<HealthChecker>> HealthChecker::open(EventLoop& loop, ProbePath path,
                                                           std::function<void()> changed) {
    TRY(auto http, HttpClient::open(loop, path.own_sockets()));
    std::unique_ptr<HealthChecker> checker(
        new HealthChecker(loop, std::move(path), std::move(http), std::move(changed)));
    CHECK_OK(checker->listen());
    TRY(checker->pause_, loop.timer([self = checker.get()] {
        if (const auto listening = self->listen(); !listening) spdlog::error(listening.error().message());
    }));
    TRY(checker->timer_, loop.timer([self = checker.get()] { self->turn(); }));
    return checker;
}

Result<> HealthChecker::listen() {
    for (const probe_queue queue : {PROBE_QUEUE_OWN, PROBE_QUEUE_SCRIPTS, PROBE_QUEUE_OTHERS}) CHECK_OK(listen(queue));
    return {};
}

Result<> HealthChecker::listen(probe_queue queue) {
    packets_[queue] = {};  // the loop accepts a descriptor only once
    TRY(packets_[queue], loop_.on_io(path_.fd(queue), EPOLLIN, [this, queue](std::uint32_t) { carry(queue); }));
    return {};
}

void HealthChecker::follow(const Services& services, const Ids& ids, const OwnAddresses& own, const Health& found) {
    std::map<std::pair<std::string, std::string>, std::pair<Subject, HealthCheck>> wanted;
    ProbeTargets targets;
    std::set<std::string> unasked;
    for (const Service& service : services) {
        if (!service.health) continue;
        const IpAddress vip = address_of(service.vip);
        const auto& from = vip.is_v4() ? own.ipv4 : own.ipv6;
        if (!from && unasked.insert(service.name).second && !unasked_.contains(service.name))
            spdlog::warn(fmt::format("service {}: not checked: the balancer has no {} address to send probes from",
                                     service.name, netlink::name(vip.family())));
        for (const Backend& backend : service.backends) {
            const std::uint32_t id = *ids.at(service.name).current(backend.name);
            if (from) targets[id] = {.vip = vip, .own = *from};
            Subject subject = subject_of(service, backend);
            subject.address = probe_address(id, vip.family());
            wanted.emplace(std::pair(service.name, backend.name), std::pair(std::move(subject), *service.health));
        }
    }
    unasked_ = std::move(unasked);
    path_.set_targets(std::move(targets));
    KnownSubjects<Checked> former;
    for (auto it = checked_.begin(); it != checked_.end();) {
        auto& [who, checked] = *it;
        const auto same = wanted.find({checked.subject.service, checked.subject.backend});
        if (same != wanted.end() && same->second == std::pair(checked.subject, checked.check)) {
            wanted.erase(same);
            ++it;
            continue;
        }
        schedule_.remove(who);
        ramps_.remove(who);
        const Subject subject = checked.subject;
        former.add(subject, std::move(checked));
        it = checked_.erase(it);
    }
    for (auto& [name, one] : wanted) {
        const Checked* known = former.find(one.first);
        begin(std::move(one.first), one.second, known, !health_of(found, name.first, name.second).up);
    }
    arm();
}

void HealthChecker::begin(Subject subject, const HealthCheck& check, const Checked* former, bool found_down) {
    const double share = std::uniform_real_distribution(0.0, 1.0)(chance_);
    schedule_.put(next_, first_time(Clock::now(), check.interval, share));
    Checked one{.subject = std::move(subject), .check = check, .judge = {check.rise, check.fall}, .status = {}};
    if (former != nullptr) {
        one.judge = former->judge;
        one.judge.set(check.rise, check.fall);
        if (check.kind != former->check.kind || one.subject.port != former->subject.port ||
            one.subject.vip != former->subject.vip)
            one.judge.ask_anew();
        one.status = former->status;
        one.back = former->back;
        if (one.back) ramps_.put(next_, Clock::now() + check.slow_start / ramp_steps);
    } else if (found_down) {
        one.judge.is_known_down();
        one.status.condition = one.judge.condition();
        one.status.reason = "it was down when lbd started";
        spdlog::info(text(one.subject) + " was down before lbd started, and stays down until it answers");
    }
    one.status.address = one.subject.address;
    checked_.emplace(next_++, std::move(one));
}

HealthChecker::Clock::time_point HealthChecker::due_next(Checked& checked) {
    const double share = std::uniform_real_distribution(0.0, 1.0)(chance_);
    const auto next = std::exchange(checked.was_asked, true)
                          ? checked.asked + checked.check.interval
                          : second_time(checked.asked, checked.check.interval, share);
    return std::max(next, Clock::now());
}

void HealthChecker::arm() {
    const auto ask = schedule_.next();
    const auto ramp = ramps_.next();
    if (!ask && !ramp) return;
    const auto next = ask && ramp ? std::min(*ask, *ramp) : ask.value_or(ramp.value_or(Clock::time_point{}));
    timer_.arm(std::max(std::chrono::ceil<milliseconds>(next - Clock::now()), milliseconds{0}));
}

void HealthChecker::turn() {
    const auto now = Clock::now();
    for (const Schedule::Who who : schedule_.take_due(now)) {
        Checked& checked = checked_.at(who);
        if (checked.probe)
            give_up(who, now);
        else
            ask(who, now);
    }
    for (const Schedule::Who who : ramps_.take_due(now)) {
        Checked& checked = checked_.at(who);
        const milliseconds step = checked.check.slow_start / ramp_steps;
        if (now - *checked.back < checked.check.slow_start)
            ramps_.put(who, now + step);
        else
            checked.back.reset();
        changed_();
    }
    arm();
}

void HealthChecker::ask(Schedule::Who who, Clock::time_point now) {
    Checked& checked = checked_.at(who);
    checked.asked = now;
    const auto hop = hops_.find(checked.subject.backend_address);
    if (hop != hops_.end() && !hop->second)
        return take(who, {.answered = false, .reason = std::string(reasons[hop->second.error()].text)});
    checked.deadline = now + checked.check.timeout;
    checked.before = path_.traffic(*dest_of(checked.subject.address));
    schedule_.put(who, checked.deadline);
    auto probe = start(checked, [this, who](const Finding& finding) {
        take(who, finding);
        arm();
    });
    if (probe)
        checked.probe = *std::move(probe);
    else if (is_script(checked.check))
        take(who, {.answered = false, .reason = probe.error().message()});
    else
        miss(who, probe.error().message());
}

void HealthChecker::give_up(Schedule::Who who, Clock::time_point now) {
    Checked& checked = checked_.at(who);
    // When the loop is late, the answer may still wait behind this event.
    if (const auto late = now - checked.deadline;
        late > lateness && checked.deadline == checked.asked + checked.check.timeout) {
        checked.deadline = now + lateness;
        return schedule_.put(who, checked.deadline);
    }
    const ProbeTraffic traffic = path_.traffic(*dest_of(checked.subject.address));
    if (traffic.out == checked.before.out && !is_script(checked.check))
        return miss(who, "the probe did not come out of " + std::string(probe_device_name) +
                             ": a firewall rule or a route of this host stops it");
    // An answer arrived but reached no socket: maybe somebody removed a route or address that it needs.
    if (traffic.in != checked.before.in)
        repair();
    else
        misses_answers_ = true;
    take(who, {.answered = false, .reason = fmt::format("no answer within {}", checked.check.timeout)});
}

void HealthChecker::miss(Schedule::Who who, const std::string& reason) {
    Checked& checked = checked_.at(who);
    checked.probe.reset();
    schedule_.put(who, due_next(checked));
    checked.status.reason = "not checked: " + reason;
    if (std::exchange(complaint_, reason) != reason)
        log_limited(spdlog::level::err, {{"EVENT", log_event("not_checked")}, {"REASON", reason}},
                    fmt::format("{} is not checked, and its state stays: {}", text(checked.subject), reason));
    repair();
}

StartedProbe HealthChecker::start(const Checked& checked, Probe::Done done) {
    struct Start {
        EventLoop& loop;
        HttpClient& http;
        OwnSockets own;
        const Subject& subject;
        Probe::Done done;

        StartedProbe operator()(const TcpCheck&) { return start_tcp_probe(loop, own, subject, std::move(done)); }
        StartedProbe operator()(const SynCheck&) { return start_syn_probe(loop, own, subject, std::move(done)); }
        StartedProbe operator()(const HttpCheck& check) { return http.start(check, subject, std::move(done)); }
        StartedProbe operator()(const DnsCheck& check) {
            return start_dns_probe(loop, own, check, subject, std::move(done));
        }
        StartedProbe operator()(const IcmpCheck&) { return start_icmp_probe(loop, own, subject, std::move(done)); }
        StartedProbe operator()(const ScriptCheck& check) {
            return start_script_probe(loop, check, subject, std::move(done));
        }
    };
    return std::visit(Start{loop_, *http_, path_.own_sockets(), checked.subject, std::move(done)}, checked.check.kind);
}

void HealthChecker::take(Schedule::Who who, const Finding& finding) {
    const auto now = Clock::now();
    Checked& checked = checked_.at(who);
    checked.probe.reset();
    schedule_.put(who, due_next(checked));
    checked.status.reason = finding.reason;
    complaint_.clear();
    CheckCounts& counts = checked.status.counts;
    ++(finding.answered ? counts.answered : counts.failed);
    if (finding.answered) {
        checked.status.latency = std::chrono::duration_cast<std::chrono::microseconds>(now - checked.asked);
        counts.spent += checked.status.latency;
    }

    const Condition before = checked.judge.condition();
    if (!checked.judge.hear(finding.answered, now)) return;
    checked.status.condition = checked.judge.condition();
    if (before != Condition::unknown) ++counts.changes;
    checked.back.reset();
    ramps_.remove(who);
    if (!finding.answered) {
        log(spdlog::level::warn,
            {{"EVENT", log_event("backend_down")},
             {"SERVICE", checked.subject.service},
             {"BACKEND", checked.subject.backend},
             {"REASON", finding.reason}},
            fmt::format("{} is down: {}", text(checked.subject), finding.reason));
    } else if (before == Condition::down) {
        log(spdlog::level::info,
            {{"EVENT", log_event("backend_up")},
             {"SERVICE", checked.subject.service},
             {"BACKEND", checked.subject.backend}},
            fmt::format("{} is up", text(checked.subject)));
        if (checked.check.slow_start > milliseconds{0}) {
            checked.back = now;
            ramps_.put(who, now + checked.check.slow_start / ramp_steps);
        }
    }
    changed_();
}

void HealthChecker::carry(probe_queue queue) {
    const bool is_own = queue == PROBE_QUEUE_OWN;
    const auto carried = path_.carry(queue, is_own ? most_of_own : most_of_others);
    if (!carried) return repair();
    if (*carried || is_own) return;
    packets_[queue] = {};
    pause_.arm(rest_of_others);
}

void HealthChecker::repair() {
    auto repaired = path_.repair();
    if (repaired && *repaired) repaired = listen().map([] { return true; });
    if (repaired) return;
    packets_ = {};  // otherwise the loop would spin
    pause_.arm(rest_of_broken);
    if (const std::string reason = repaired.error().message(); std::exchange(complaint_, reason) != reason)
        log_limited(spdlog::level::err, {{"EVENT", log_event("probes_not_carried")}}, "health checks: " + reason);
}

Result<> HealthChecker::repair_taps() {
    if (std::exchange(misses_answers_, false)) path_.name_earlier_filters();
    return path_.repair_taps();
}

Health HealthChecker::health() const {
    const auto now = Clock::now();
    Health health;
    for (const auto& [who, checked] : checked_) {
        BackendHealth one{.up = checked.judge.condition() != Condition::down};
        if (checked.back)
            one.percent =
                ramp_percent(std::chrono::duration_cast<milliseconds>(now - *checked.back), checked.check.slow_start);
        if (one != BackendHealth{}) health.emplace(std::pair(checked.subject.service, checked.subject.backend), one);
    }
    return health;
}

Health HealthChecker::health_for(const Services& services) const {
    KnownSubjects<BackendHealth> known;
    const Health now = health();
    for (const auto& [who, checked] : checked_)
        if (const auto one = now.find({checked.subject.service, checked.subject.backend}); one != now.end())
            known.add(checked.subject, one->second);
    Health health;
    if (known.empty()) return health;
    for (const Service& service : services) {
        if (!service.health) continue;
        for (const Backend& backend : service.backends)
            if (known.knows(backend.address))
                if (const BackendHealth* one = known.find(subject_of(service, backend)))
                    health.emplace(std::pair(service.name, backend.name), *one);
    }
    return health;
}

CheckStatuses HealthChecker::statuses() const {
    CheckStatuses statuses;
    statuses.reserve(checked_.size());
    for (const auto& [who, checked] : checked_) statuses.emplace(*dest_of(checked.subject.address), checked.status);
    return statuses;
}

}  // namespace culvert::lbd
