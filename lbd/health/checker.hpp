// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lbd/health/http_client.hpp"
#include "lbd/health/judge.hpp"
#include "lbd/health/probe.hpp"
#include "lbd/health/probe_path.hpp"
#include "lbd/health/schedule.hpp"
#include "lbd/model/check_status.hpp"
#include "lbd/model/config.hpp"
#include "lbd/model/health.hpp"
#include "lbd/model/hops.hpp"
#include "lbd/model/ids.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// The balancer's own addresses, from which probes come.
struct OwnAddresses {
    std::optional<IpAddress> ipv4;
    std::optional<IpAddress> ipv6;
    bool operator==(const OwnAddresses&) const = default;
};

/// Asks every backend of the services that want it, again and again, each on its own time.
class HealthChecker {
  public:
    /// `changed` is called whenever health() is another.
    [[nodiscard]] static netlink::Result<std::unique_ptr<HealthChecker>> open(EventLoop& loop, ProbePath path,
                                                                              std::function<void()> changed);

    /// See ProbePath: what can fail of going over to another map of destinations, and then what can't.
    [[nodiscard]] netlink::Result<ProbePath::Programs> prepare(int dests) const { return path_.prepare(dests); }
    void take(ProbePath::Programs programs, const std::vector<ProbePath::Port>& ports) {
        path_.take(std::move(programs), ports);
    }
    [[nodiscard]] netlink::Result<> renew(int dests, const std::vector<ProbePath::Port>& ports) {
        TRY(auto programs, prepare(dests));
        take(std::move(programs), ports);
        return {};
    }

    /// Whom to ask, from now on. What is known of those who were asked before stays known (KnownSubjects), whatever
    /// they are asked now. `found`: what an lbd before has left of those who were not.
    void follow(const Services& services, const Ids& ids, const OwnAddresses& own, const Health& found);
    /// The way to each backend: who can't be reached is not asked.
    void set_hops(const Hops& hops) { hops_ = hops; }

    [[nodiscard]] Health health() const;
    /// The same for services that may be followed next.
    [[nodiscard]] Health health_for(const Services& services) const;
    [[nodiscard]] CheckStatuses statuses() const;

  private:
    using Clock = std::chrono::steady_clock;

    struct Checked {
        Subject subject;
        HealthCheck check;
        Judge judge;
        CheckStatus status;
        bool was_asked = false;
        Clock::time_point asked;
        Clock::time_point deadline;             // of the answer
        ProbeTraffic before;                    // the probe
        std::optional<Clock::time_point> back;  // up again, with a slow start
        std::unique_ptr<Probe> probe;           // under way
    };

    HealthChecker(EventLoop& loop, ProbePath path, std::unique_ptr<HttpClient> http, std::function<void()> changed)
        : loop_(loop), path_(std::move(path)), http_(std::move(http)), changed_(std::move(changed)) {}

    [[nodiscard]] netlink::Result<> listen();
    [[nodiscard]] netlink::Result<> listen(probe_queue queue);

    void begin(Subject subject, const HealthCheck& check, const Checked* former, bool found_down);
    [[nodiscard]] Clock::time_point due_next(Checked& checked);
    void turn();
    void arm();
    void ask(Schedule::Who who, Clock::time_point now);
    [[nodiscard]] StartedProbe start(const Checked& checked, Probe::Done done);
    void take(Schedule::Who who, const Finding& finding);
    /// Nobody was asked: this host is why, which says nothing of the backend.
    void miss(Schedule::Who who, const std::string& reason);
    void give_up(Schedule::Who who, Clock::time_point now);
    void carry(probe_queue queue);
    void repair();

    EventLoop& loop_;
    ProbePath path_;
    std::unique_ptr<HttpClient> http_;
    std::function<void()> changed_;
    Hops hops_;
    std::map<Schedule::Who, Checked> checked_;
    Schedule::Who next_ = 0;
    Schedule schedule_;  // when to ask next, or to give up waiting
    Schedule ramps_;     // when a slow start goes on
    std::minstd_rand chance_{std::random_device{}()};
    std::array<EventLoop::Source, PROBE_QUEUES> packets_;
    EventLoop::Source pause_;  // of those queues that have had their share
    EventLoop::Source timer_;
    std::string complaint_;          // about this host: the last one, not to be repeated
    std::set<std::string> unasked_;  // services that there is no address to ask from for
};

}  // namespace culvert::lbd
