// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "common/replace_file.hpp"
#include "lbd/reload/balancer.hpp"
#include "lbd/reload/transaction.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// From what is in force to another configuration, other drains, or both, as one transaction. Until it is committed,
/// packets, commands and the file of drains know nothing of it; and where it fails they never do.
class Reload {
  public:
    Reload(Balancer& balancer, Config written, Drains drains);

    /// Once.
    [[nodiscard]] netlink::Result<> run();

  private:
    // In this order.
    [[nodiscard]] Step ways();
    [[nodiscard]] Step file();
    [[nodiscard]] Step metrics();
    [[nodiscard]] Step program();
    [[nodiscard]] Step interfaces();
    [[nodiscard]] Step checks();
    [[nodiscard]] Step maps();

    [[nodiscard]] netlink::Result<> find_ways();
    [[nodiscard]] netlink::Result<> listen_for_metrics();
    [[nodiscard]] netlink::Result<> prepare_checks();
    [[nodiscard]] Resolver& resolver() { return ways_.resolver ? *ways_.resolver : balancer_.reach.resolver; }
    /// That are balanced on.
    [[nodiscard]] Ports present_ports() const;
    /// These, and those that are named.
    [[nodiscard]] Ports all_ports();

    void give_up();
    /// What can't fail, and has no way back.
    void take_over();
    void take_over_ways();
    void take_over_checks();
    /// What may fail, and then does no harm.
    void tidy_up();

    /// The ways to what is wanted.
    struct Ways {
        std::optional<Resolver> resolver;  ///< for other interfaces
        EventLoop::Source events;          ///< the same
        bool follows = false;              ///< what comes, by the resolver that is there
        Hops hops;
        Surroundings around;
    };
    struct NextChecks {
        std::unique_ptr<HealthChecker> checker;  ///< the first
        ProbePath::Programs probes;              ///< of the one that is there
    };

    Balancer& balancer_;
    Wanted next_;
    Change change_;  // of services
    bool moves_;     // other interfaces are named

    Ways ways_;
    std::optional<common::FileReplacement> file_;
    std::unique_ptr<MetricsServer> metrics_;
    std::optional<Candidate> candidate_;
    std::optional<Attachments::Prepared> attachments_;  // where something may change
    NextChecks checks_;
};

}  // namespace culvert::lbd
