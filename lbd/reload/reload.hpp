// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "common/replace_file.hpp"
#include "lbd/reload/balancer.hpp"
#include "lbd/reload/cluster.hpp"
#include "lbd/reload/transaction.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Brings another configuration, other drains, or both into force as one transaction. Packets, commands and the file of
/// drains see nothing of it before the commit, and never if it fails.
class Reload {
  public:
    Reload(Balancer& balancer, Config written, const Drains& drains);

    /// May be called once.
    [[nodiscard]] netlink::Result<> run();

    /// What run() would bring into force. Changes nothing, and fails where run() would fail before its commit. May be
    /// called instead of that.
    struct Intent {
        Config config;
        Change change;  ///< of the services
        Draft draft;
    };
    [[nodiscard]] netlink::Result<Intent> intent();

  private:
    [[nodiscard]] std::vector<Step> steps();
    // The steps, in this order.
    [[nodiscard]] Step ways();
    [[nodiscard]] Step file();
    [[nodiscard]] Step metrics();
    [[nodiscard]] Step program();
    [[nodiscard]] Step interfaces();
    [[nodiscard]] Step checks();
    [[nodiscard]] Step peers();
    [[nodiscard]] Step maps();

    [[nodiscard]] netlink::Result<> find_ways();
    [[nodiscard]] netlink::Result<> listen_for_metrics();
    [[nodiscard]] netlink::Result<> prepare_checks();
    [[nodiscard]] Resolver& resolver() { return ways_.resolver ? *ways_.resolver : balancer_.reach.resolver; }
    /// The ports that are balanced on now.
    [[nodiscard]] Ports present_ports() const;
    /// Likewise, and the ports of the new configuration.
    [[nodiscard]] Ports all_ports();

    void give_up();
    /// Cannot fail, and cannot be undone.
    void take_over();
    void take_over_ways();
    void take_over_checks();
    /// May fail without harm.
    void tidy_up();

    /// The next hops for the desired state.
    struct Ways {
        std::optional<Resolver> resolver;  ///< if interfaces change
        EventLoop::Source events;          ///< likewise
        bool follows = false;              ///< the present resolver follows the new services
        Hops hops;
        Surroundings around;
    };
    struct NextChecks {
        std::unique_ptr<HealthChecker> checker;  ///< if there was none
        ProbePath::Programs probes;              ///< for the present checker
    };

    Balancer& balancer_;
    DrainHeirs heirs_;
    Wanted next_;
    Change change_;  // difference of the services
    bool moves_;     // the interfaces change

    Ways ways_;
    std::optional<common::FileReplacement> file_;
    std::unique_ptr<MetricsServer> metrics_;
    NextMesh mesh_;
    std::optional<Candidate> candidate_;
    std::optional<Attachments::Prepared> attachments_;  // if ports or mode may change
    NextChecks checks_;
};

}  // namespace culvert::lbd
