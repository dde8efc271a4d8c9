// SPDX-License-Identifier: Apache-2.0
#include "lbd/daemon/daemon.hpp"

#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>

#include <chrono>
#include <csignal>
#include <utility>

#include <nlohmann/json.hpp>

#include "lbd/daemon/handlers.hpp"
#include "lbd/daemon/observe.hpp"
#include "lbd/datapath/inherit.hpp"
#include "lbd/health/answer_tap.hpp"
#include "lbd/metrics/metrics.hpp"
#include "lbd/reload/cluster.hpp"
#include "lbd/reload/reload.hpp"
#include "lbd/reload/start.hpp"

namespace culvert::lbd {

namespace {

/// sd_notify(3): the service manager's own timeout may be shorter.
void prolong_start(std::chrono::microseconds by) {
    constexpr std::chrono::seconds time_for_the_rest{30};
    ::sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%lld",
                 static_cast<long long>((by + time_for_the_rest) / std::chrono::microseconds(1)));
}

}  // namespace

using netlink::Result;

Daemon::Daemon(std::unique_ptr<Loops> loops, std::unique_ptr<Balancer> balancer, std::unique_ptr<ConfigSource> source,
               OpenSource open)
    : loops_(std::move(loops)),
      balancer_(std::move(balancer)),
      follower_(
          std::move(source),
          [this](Config written) { return Reload(*balancer_, std::move(written), balancer_->wanted.drains).run(); }),
      network_watch_(*balancer_),
      sweeper_(*balancer_),
      sharer_(*balancer_),
      counter_(*balancer_),
      forecaster_(*balancer_),
      open_(std::move(open)) {}

Result<std::unique_ptr<Daemon>> Daemon::prepare(Config config, std::unique_ptr<ConfigSource> source, OpenSource open) {
    TRY(auto loop, EventLoop::open());
    TRY(auto sharing, EventLoop::open());
    auto loops = std::make_unique<Loops>(Loops{.all = std::move(loop), .sharing = std::move(sharing)});
    TRY(auto resolver, Resolver::open(config.interfaces));
    TRY(auto pins, Pins::open());
    TRY(auto former, pins.present());
    // First the former state is taken over unchanged. The configuration follows in start().
    TRY(const Build build, former ? read_build(*former) : first_build(config, resolver));
    TRY(auto datapath, Datapath::load(build, former, common::call_aside(loops->sharing)));
    Image image;
    if (former) {
        TRY(image, datapath.maps().read());
    }
    auto balancer =
        std::make_unique<Balancer>(loops->all, loops->sharing, std::move(config), std::move(resolver), std::move(pins),
                                   std::move(former), std::move(datapath), std::move(image));
    return std::unique_ptr<Daemon>(
        new Daemon(std::move(loops), std::move(balancer), std::move(source), std::move(open)));
}

Result<> Daemon::run(const std::string& socket) {
    Balancer& balancer = *balancer_;
    balancer.wanted.drains_file = drains_file(socket);
    TRY(const auto drains, read_drains(balancer.wanted.drains_file));
    const DrainHeirs heirs = heirs_of(drains, balancer.wanted.written);
    log_heirs(heirs);
    balancer.wanted.drains = all_heirs(heirs);
    balancer.wanted.config = with_drains(balancer.wanted.written, balancer.wanted.drains);
    TRY(balancer.offloads, Offloads::open(offloads_file(socket)));
    TRY(balancer.announcer, Announcer::open(loops_->all, socket));
    CHECK_OK(listen(socket));
    balancer.metrics = serve_metrics(loops_->all, balancer.wanted.config, balancer.calls.metrics);
    loops_->all.feed_watchdog();
    const bool is_first = !balancer.program.is_there();
    auto begun = start(balancer);
    if (begun) {
        sweeper_.begin();
        network_watch_.begin();
        spdlog::info("balancing: " + summary(balancer.wanted.config, balancer.reach.hops));
        begun = remove_answer_taps();
    }
    if (begun) begun = start_checks(balancer);
    if (begun) {
        open_mesh(balancer);
        balancer.announce();
        if (balancer.mesh) prolong_start(balancer.wanted.config.cluster.join_timeout);
        // Routing daemons that start after lbd lead packets here at once, if VIPs are still announced.
        sharer_.begin(is_first, [this] { follower_.tell_manager(); });
    }
    if (!begun) {
        if (is_first) (void)balancer.program.remove();
        if (is_first) (void)balancer.offloads->restore();
        return begun;
    }
    auto ran = loops_->all.run_with(loops_->sharing);
    ::sd_notify(0, "STOPPING=1");
    if (!detach_) {
        spdlog::info("stopped; the kernel still balances packets, until lbd stop --detach");
        return ran;
    }
    const auto detached = detach();
    if (!detached) control_->give_up(detached.error().message());
    return detached ? ran : detached;
}

Result<> Daemon::detach() {
    const auto withdrawn = balancer_->announcer->end();
    CHECK_OK(balancer_->program.remove());
    balancer_->reach.resolver.release();
    const auto restored = balancer_->offloads->restore();
    const auto forgotten = write_drains(balancer_->wanted.drains_file, {});
    return !withdrawn ? withdrawn : !restored ? restored : forgotten;
}

Result<> Daemon::listen(const std::string& socket) {
    for (const int signal : {SIGTERM, SIGINT}) {
        TRY(auto source, loops_->all.on_signal(signal, [this] { loops_->all.stop(); }));
        signals_.push_back(std::move(source));
    }
    TRY(auto source, loops_->all.on_signal(SIGHUP, [this] { follower_.reload(); }));
    signals_.push_back(std::move(source));
    MeshCalls mesh = sharer_.calls();
    mesh.asked = [this](const auto& peer, const TurnoverQuestion& question) { counter_.ask(peer, question); };
    mesh.gone = [this, forget = std::move(mesh.gone)](const auto& peer) {
        counter_.forget(peer);
        forget(peer);
    };
    mesh.answered = [this](const auto& peer, const TurnoverAnswer& answer) { forecaster_.answered(peer, answer); };
    balancer_->calls = {.read_network = [this] { network_watch_.read(); },
                        .changed = [this] { network_watch_.changed(); },
                        .metrics = [this](Detail detail) -> Result<Exposition> {
                            TRY(Status status, observe(*balancer_, follower_.counts(), parts_of_metrics));
                            return Exposition(std::move(status), detail);
                        },
                        .mesh = std::move(mesh)};
    CHECK_OK(network_watch_.open(loops_->all));
    CHECK_OK(sweeper_.open(loops_->all));
    CHECK_OK(sharer_.open(loops_->sharing));
    CHECK_OK(counter_.open(loops_->all));
    CHECK_OK(forecaster_.open(loops_->all));
    CHECK_OK(follower_.watch(loops_->all));
    const auto stop = [this](bool detach) {
        detach_ = detach;
        loops_->all.stop();
    };
    TRY(control_, Control::listen(loops_->all, socket, Handlers(*balancer_, follower_, forecaster_, open_, stop)));
    return {};
}

}  // namespace culvert::lbd
