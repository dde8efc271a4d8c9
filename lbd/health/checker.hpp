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

/// The balancer's own addresses, which probes are sent from.
struct OwnAddresses {
    std::optional<IpAddress> ipv4;
    std::optional<IpAddress> ipv6;
    bool operator==(const OwnAddresses&) const = default;
};

/// Checks all backends of services with health checks, each at its own interval.
class HealthChecker {
  public:
    /// `changed` is called whenever health() has changed.
    [[nodiscard]] static netlink::Result<std::unique_ptr<HealthChecker>> open(EventLoop& loop, ProbePath path,
                                                                              std::function<void()> changed);

    /// To change to another map of destinations, call prepare(), which may fail, and then take(), which cannot.
    [[nodiscard]] netlink::Result<ProbePath::Programs> prepare(int dests) const { return path_.prepare(dests); }
    void take(ProbePath::Programs programs, const std::vector<ProbePath::Port>& ports) {
        path_.take(std::move(programs), ports);
    }
    [[nodiscard]] netlink::Result<> renew(int dests, const std::vector<ProbePath::Port>& ports) {
        TRY(auto programs, prepare(dests));
        take(std::move(programs), ports);
        return {};
    }

    /// Call from time to time, as no event tells that answers are not heard any more.
    [[nodiscard]] netlink::Result<> repair_taps();

    /// Checks these backends from now on. Backends that were checked before keep their state (see KnownSubjects), even
    /// if the check is another. `found`: the state that an earlier lbd left, for the other backends.
    void follow(const Services& services, const Ids& ids, const OwnAddresses& own, const Health& found);
    /// Sets the next hops. A backend that is not reachable is not checked, and counts as failed.
    void set_hops(const Hops& hops) { hops_ = hops; }

    [[nodiscard]] Health health() const;
    /// Likewise, for services that may be followed next.
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
        Clock::time_point deadline;             // for the answer
        ProbeTraffic before;                    // traffic before the probe
        std::optional<Clock::time_point> back;  // when the present slow start began
        std::unique_ptr<Probe> probe;           // the running probe
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
    /// Handles a probe that failed because of this host, which says nothing about the backend.
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
    Schedule schedule_;  // when to check next, or to stop waiting for an answer
    Schedule ramps_;     // when slow starts go on
    std::minstd_rand chance_{std::random_device{}()};
    std::array<EventLoop::Source, PROBE_QUEUES> packets_;
    EventLoop::Source pause_;  // of queues that have used up their share
    EventLoop::Source timer_;
    bool misses_answers_ = false;    // since the taps were looked at
    std::string complaint_;          // the last one about this host, so that it is not repeated
    std::set<std::string> unasked_;  // services for which there is no address to send probes from
};

}  // namespace culvert::lbd
