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
    [[nodiscard]] Resolver& resolver() { return resolver_ ? *resolver_ : balancer_.resolver; }
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

    Balancer& balancer_;
    Config written_;
    Drains drains_;
    Config config_;
    Change change_;  // of services
    bool moves_;     // other interfaces are named

    std::optional<Resolver> resolver_;  // for other interfaces
    EventLoop::Source network_;         // the same
    bool follows_ = false;              // what comes, by the resolver that is there
    Hops hops_;
    Surroundings around_;
    std::optional<common::FileReplacement> file_;
    std::unique_ptr<MetricsServer> metrics_;
    std::optional<Candidate> candidate_;
    std::optional<Attachments::Prepared> attachments_;  // where something may change
    std::unique_ptr<HealthChecker> checker_;            // the first
    ProbePath::Programs probes_;                        // of the one that is there
};

}  // namespace culvert::lbd
