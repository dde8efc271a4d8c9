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
#include "lbd/health/checker.hpp"
#include "lbd/metrics/server.hpp"
#include "lbd/model/config.hpp"
#include "lbd/network/resolver.hpp"
#include "lbd/reconcile/program.hpp"
#include "lbd/reconcile/reconciler.hpp"
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

/// All that is in force, and the parts that keep it so.
struct Balancer {
    Balancer(common::EventLoop& loop, Config configured, Resolver resolver, Pins pins, std::optional<Generation> former,
             Datapath datapath, Image image);

    [[nodiscard]] const Image& image() const { return reconciler.image(); }
    [[nodiscard]] CheckStatuses checks() const { return checker ? checker->statuses() : CheckStatuses{}; }
    [[nodiscard]] Health health() const { return checker ? checker->health() : found; }
    [[nodiscard]] Health health_for(const Services& services) const {
        return checker ? checker->health_for(services) : found;
    }
    /// Where answers to checks come in.
    [[nodiscard]] std::vector<ProbePath::Port> ports_to_probe() const;
    /// Tells the program of the frames that come now.
    void tell_program();
    /// Offloads go by what is attached.
    [[nodiscard]] netlink::Result<> follow_offloads();
    /// Losses are counted at the interfaces that frames leave by.
    void watch_losses();
    /// Has backends checked as configured, from the balancer's addresses.
    void follow_checks();
    /// Opens what tells of the network's changes, anew.
    [[nodiscard]] netlink::Result<> follow_network();
    /// Says what has changed about the way to the backends.
    void report(const Hops& before) const;
    /// Says which interfaces are waited for.
    void report_missing() const;

    common::EventLoop& loop;
    Calls calls;
    Config written;  // in the source
    Drains drains;   // beyond what is written
    std::filesystem::path drains_file;
    Config config;  // with drains
    Resolver resolver;
    common::EventLoop::Source network;
    Hops hops;
    Surroundings around;  // when last asked
    Program program;
    Reconciler reconciler;
    std::optional<Offloads> offloads;  // from the start on
    std::optional<Losses> losses;      // none: they can't be counted
    std::optional<Refused> refused;
    IdleTimes idle_times;
    std::unique_ptr<HealthChecker> checker;
    Health found;  // what the lbd before has left, until checks begin
    std::unique_ptr<MetricsServer> metrics;
};

/// Has the resolver know the ways to the services' backends.
void follow(Resolver& resolver, const Services& services);
void forget(Resolver& resolver, const Services& services);

/// The ways as soon as all are known, but no later than after `patience`. Meanwhile nothing else is done.
[[nodiscard]] netlink::Result<Hops> resolve(Resolver& resolver, std::chrono::milliseconds patience);

/// ENODEV if one of the interfaces isn't there, but for those that are waited for anyway.
[[nodiscard]] netlink::Result<> expect_interfaces(const Resolver& resolver, const std::vector<std::string>& waited_for);

/// "2 services, 5 of 6 backends reachable"
[[nodiscard]] std::string summary(const Config& config, const Hops& hops);

}  // namespace culvert::lbd
