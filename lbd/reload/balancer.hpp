// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/event_loop.hpp"
#include "common/slow_call.hpp"
#include "lbd/announce/announcer.hpp"
#include "lbd/attach/offloads.hpp"
#include "lbd/cluster/mesh.hpp"
#include "lbd/datapath/flow_table.hpp"
#include "lbd/datapath/losses.hpp"
#include "lbd/drain/drains.hpp"
#include "lbd/exchange/exchange.hpp"
#include "lbd/metrics/server.hpp"
#include "lbd/model/config.hpp"
#include "lbd/reconcile/flow_sweep.hpp"
#include "lbd/reconcile/program.hpp"
#include "lbd/reconcile/reconciler.hpp"
#include "lbd/reload/checks.hpp"
#include "lbd/reload/reach.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Callbacks of the balancer's parts.
struct Calls {
    std::function<void()> read_network;  ///< the resolver has something to read
    std::function<void()> changed;       ///< health or next hops have changed: call adapt()
    MetricsServer::Text metrics;
    MeshCalls mesh;
};

/// A program that could not replace the present one.
struct Refused {
    Build build;
    Ports ports;  ///< the ports at that time
    std::chrono::steady_clock::time_point at;
    netlink::Error error;
};

/// The desired state.
struct Wanted {
    Config written;  ///< the configuration in the source
    Drains drains;   ///< commands of operators in addition to it
    std::filesystem::path drains_file;
    Config config;  ///< with drains applied
};

/// All that is in force, and the parts that keep it up to date.
struct Balancer {
    /// `sharing`: what goes on while the balancer makes a slow call.
    Balancer(common::EventLoop& loop, common::EventLoop& sharing, Config configured, Resolver resolver, Pins pins,
             std::optional<Generation> former, Datapath datapath, Image image);

    [[nodiscard]] const Image& image() const { return reconciler.image(); }
    /// The ports on which answers to checks arrive.
    [[nodiscard]] std::vector<ProbePath::Port> ports_to_probe() const;
    /// Tells the program which frames are for this host and how their checksums arrive.
    void tell_program();
    /// Sets the offloads according to the attached programs.
    [[nodiscard]] netlink::Result<> follow_offloads();
    /// Counts losses on the interfaces that frames leave by.
    void watch_losses();
    /// Has the backends checked as configured.
    void follow_checks() { checks.follow(wanted.config.services, image().ids, reach.around); }
    /// Announces the VIPs whose services are up.
    void announce();
    /// Announces others than before only if the other balancers have said what they know. Call it again and again.
    void look_who_has_joined() { announcer->set_joined(!mesh || (mesh->joined() && exchange.waiting() == 0)); }
    /// Subscribes to the kernel's events again.
    [[nodiscard]] netlink::Result<> follow_network();
    /// Logs which next hops have changed.
    void report(const Hops& before) const;
    /// Warns if the program has another hash key than the configuration. Each difference is logged once.
    [[nodiscard]] netlink::Result<> report_key();
    /// Logs the interfaces that lbd waits for.
    void report_missing() const;

    common::EventLoop& loop;
    common::EventLoop& sharing;  // of the mesh
    common::SlowCall slow;
    Calls calls;
    Wanted wanted;
    Reach reach;
    Program program;
    Reconciler reconciler;
    std::optional<Offloads> offloads;  // set by start()
    std::optional<Losses> losses;      // absent: losses cannot be counted
    std::optional<Refused> refused;
    std::string told_key;  // report_hash_keys()
    IdleTimes idle_times;
    FlowSweep flow_sweep;
    Exchange exchange;  // with the balancers of the mesh
    Checks checks;
    std::unique_ptr<Announcer> announcer;  // set before start()
    std::unique_ptr<MetricsServer> metrics;
    std::unique_ptr<Mesh> mesh;  // null: no peers
};

/// "2 services, 5 of 6 backends reachable"
[[nodiscard]] std::string summary(const Config& config, const Hops& hops);

}  // namespace culvert::lbd
