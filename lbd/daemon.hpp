// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/event_loop.hpp"
#include "lbd/attach/attachments.hpp"
#include "lbd/attach/offloads.hpp"
#include "lbd/config/config.hpp"
#include "lbd/control.hpp"
#include "lbd/datapath/datapath.hpp"
#include "lbd/datapath/losses.hpp"
#include "lbd/datapath/pins.hpp"
#include "lbd/drain/drains.hpp"
#include "lbd/health/checker.hpp"
#include "lbd/metrics/server.hpp"
#include "lbd/next_hop/resolver.hpp"
#include "lbd/plan/plan.hpp"
#include "lbd/request.hpp"
#include "lbd/show/observe.hpp"
#include "lbd/state.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

using common::EventLoop;

/// The balancer as a process: it brings the kernel's maps to what the configuration wants, keeps them so while the
/// network changes, and answers the commands.
class Daemon {
  public:
    /// Makes everything ready, up to the loaded program. No packet sees it yet. `path` is where `config` was read from.
    [[nodiscard]] static netlink::Result<std::unique_ptr<Daemon>> prepare(SharedReading reading, std::string path);
    /// Whether the kernel takes it. Leaves nothing behind.
    [[nodiscard]] static netlink::Result<> try_out(const Config& config);

    /// Balances until it is told to stop. What was pinned goes on to balance without it, and the next lbd takes it
    /// over, unless it was told to detach. `socket` is where commands reach it.
    [[nodiscard]] netlink::Result<> run(const std::string& socket);

  private:
    Daemon(SharedReading reading, std::string path, EventLoop loop, Resolver resolver, Pins pins,
           std::optional<Generation> former, Datapath datapath, Image image);

    [[nodiscard]] netlink::Result<> listen(const std::string& socket);
    /// Where the configuration says. Without them it balances all the same.
    void serve_metrics();
    [[nodiscard]] netlink::Result<> follow_network();
    [[nodiscard]] netlink::Result<> begin();
    void end(netlink::Result<> outcome);

    /// Until all ways are known, but no longer than that.
    [[nodiscard]] netlink::Result<> resolve(std::chrono::milliseconds patience);
    /// Pins the program.
    [[nodiscard]] netlink::Result<> put_in_place();
    /// Runs the program on the configured interfaces, and on no others.
    [[nodiscard]] netlink::Result<> attach();
    /// The same while packets flow, for interfaces that have come and gone, and for what others do to them.
    void follow_interfaces();
    void look_at_interfaces();
    /// That of drivers, behind the program. Without it it balances all the same.
    void count_losses();
    void watch_losses();
    /// Once.
    void complain(const netlink::Error& error);
    /// Tells the program which frames are for this host, and in which state they come.
    void tell_own(Datapath& datapath);
    /// Offloads go by what is attached, while packets flow. Complains once.
    void follow_offloads();
    /// Gives ids free that nothing needs.
    [[nodiscard]] netlink::Result<> forget_unused_ids();
    /// From what is to what the configuration wants: program and maps.
    [[nodiscard]] netlink::Result<> take_up(const Config& config);
    [[nodiscard]] netlink::Result<> rebuild(const Build& build);
    /// How the image changes for these services, this health, and the ways that are known now.
    [[nodiscard]] netlink::Result<Patch> patch_for(const Services& services, const Limits& limits,
                                                   const Health& health) const;
    [[nodiscard]] netlink::Result<> realize(Patch patch, const Services& services, Health health);
    /// Has the resolver know the ways to the services' backends.
    void follow(const Services& services);
    void forget(const Services& services);
    /// Nothing has changed if it fails before the first edit.
    [[nodiscard]] netlink::Result<> change_to(Config config);
    /// The same for what is configured and what operators have said beyond that, which the file keeps.
    [[nodiscard]] netlink::Result<> adopt(SharedReading written, Drains drains);

    /// Nothing to do without services that want it.
    [[nodiscard]] netlink::Result<> start_checks();
    /// The balancer's addresses may be others.
    void follow_checks(const Surroundings& around);
    /// Where answers come in.
    [[nodiscard]] std::vector<ProbePath::Port> ports_to_probe() const;
    [[nodiscard]] CheckStatuses checks() const { return checker_ ? checker_->statuses() : CheckStatuses{}; }
    [[nodiscard]] Health health() const { return checker_ ? checker_->health() : found_; }
    [[nodiscard]] Health health_for(const Services& services) const {
        return checker_ ? checker_->health_for(services) : found_;
    }

    [[nodiscard]] netlink::Result<Status> observed(const Parts& parts) const;

    void take_in_changes();
    void update();
    /// Has the program compiled to what is around the balancer now.
    [[nodiscard]] netlink::Result<> adapt_program();
    [[nodiscard]] Hops reachable(Hops hops) const;
    void expire_some_flows();
    void report(const Hops& before) const;

    using Json = nlohmann::ordered_json;
    [[nodiscard]] Answer answer(const Json& request);
    [[nodiscard]] Answer answer(const ShowRequest& request);
    [[nodiscard]] Answer answer(const ReloadRequest& request);
    [[nodiscard]] Answer answer(const DrainRequest& request);
    [[nodiscard]] Answer answer(const UndrainRequest& request);
    [[nodiscard]] Answer answer(const ExplainRequest& request);
    [[nodiscard]] Answer answer(const StopRequest& request);

    SharedReading written_;
    Config config_;  // with drains_
    const std::string path_;
    Drains drains_;
    std::filesystem::path drains_file_;
    EventLoop loop_;
    Resolver resolver_;
    Pins pins_;
    Attachments attachments_{pins_};
    std::optional<Offloads> offloads_;      // since run()
    std::string offload_complaint_;         // the last one, not to be repeated
    std::optional<Generation> generation_;  // that packets see; none at first, unless one was there
    Datapath datapath_;

    /// What an image is the plan for.
    struct Planned {
        Services services;
        Hops hops;
        Health health;
    };

    /// A program that could not take the place of the present one.
    struct RefusedBuild {
        Build build;
        Ports ports;  // as they were then
        std::chrono::steady_clock::time_point at;
    };

    Hops hops_;
    Image image_;
    std::optional<RefusedBuild> refused_;
    std::optional<Losses> losses_;
    std::string complaint_;           // the last one, not to be repeated
    std::optional<Planned> planned_;  // none: the image was read from the maps
    IdleTimes idle_times_;
    bool takes_any_mac_ = false;  // was said
    std::size_t swept_ = 0;       // buckets of the flow table, in this round
    bool detach_ = false;         // in the end
    Reloads reloads_;
    netlink::Result<> outcome_;

    std::unique_ptr<Control> control_;
    std::unique_ptr<MetricsServer> metrics_;
    std::vector<EventLoop::Source> signals_;
    EventLoop::Source network_;
    EventLoop::Source next_update_;
    EventLoop::Source next_sweep_;
    EventLoop::Source next_look_;
    std::unique_ptr<HealthChecker> checker_;
    Health found_;  // what the lbd before has left, until checks begin
};

}  // namespace culvert::lbd
