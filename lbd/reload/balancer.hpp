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
#include "lbd/attach/offloads.hpp"
#include "lbd/datapath/flow_table.hpp"
#include "lbd/datapath/losses.hpp"
#include "lbd/drain/drains.hpp"
#include "lbd/metrics/server.hpp"
#include "lbd/model/config.hpp"
#include "lbd/reconcile/program.hpp"
#include "lbd/reconcile/reconciler.hpp"
#include "lbd/reload/checks.hpp"
#include "lbd/reload/reach.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Whom a running balancer's parts call.
struct Calls {
    std::function<void()> read_network;  ///< there is something to read
    std::function<void()> changed;       ///< health, or ways: time to adapt()
    MetricsServer::Text metrics;
};

/// A program that could not take the place of the present one.
struct Refused {
    Build build;
    Ports ports;  ///< as they were then
    std::chrono::steady_clock::time_point at;
    netlink::Error error;
};

/// What operators want.
struct Wanted {
    Config written;  ///< in the source
    Drains drains;   ///< beyond that
    std::filesystem::path drains_file;
    Config config;  ///< with drains
};

/// All that is in force, and the parts that keep it so.
struct Balancer {
    Balancer(common::EventLoop& loop, Config configured, Resolver resolver, Pins pins, std::optional<Generation> former,
             Datapath datapath, Image image);

    [[nodiscard]] const Image& image() const { return reconciler.image(); }
    /// Where answers to checks come in.
    [[nodiscard]] std::vector<ProbePath::Port> ports_to_probe() const;
    /// Tells the program of the frames that come now.
    void tell_program();
    /// Offloads go by what is attached.
    [[nodiscard]] netlink::Result<> follow_offloads();
    /// Losses are counted at the interfaces that frames leave by.
    void watch_losses();
    /// Has backends checked as configured.
    void follow_checks() { checks.follow(wanted.config.services, image().ids, reach.around); }
    /// Opens what tells of the network's changes, anew.
    [[nodiscard]] netlink::Result<> follow_network();
    /// Says what has changed about the way to the backends.
    void report(const Hops& before) const;
    /// Says which interfaces are waited for.
    void report_missing() const;

    common::EventLoop& loop;
    Calls calls;
    Wanted wanted;
    Reach reach;
    Program program;
    Reconciler reconciler;
    std::optional<Offloads> offloads;  // from the start on
    std::optional<Losses> losses;      // none: they can't be counted
    std::optional<Refused> refused;
    IdleTimes idle_times;
    Checks checks;
    std::unique_ptr<MetricsServer> metrics;
};

/// "2 services, 5 of 6 backends reachable"
[[nodiscard]] std::string summary(const Config& config, const Hops& hops);

}  // namespace culvert::lbd
