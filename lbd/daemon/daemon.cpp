// SPDX-License-Identifier: Apache-2.0
#include "lbd/daemon/daemon.hpp"

#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>

#include <chrono>
#include <csignal>
#include <utility>

#include <nlohmann/json.hpp>

#include "lbd/attach/try_out.hpp"
#include "lbd/datapath/inherit.hpp"
#include "lbd/health/answer_tap.hpp"
#include "lbd/metrics/metrics.hpp"
#include "lbd/network/log.hpp"
#include "lbd/network/report.hpp"
#include "lbd/reload/adapt.hpp"
#include "lbd/reload/start.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;
using namespace std::chrono_literals;

constexpr auto time_to_gather = 50ms;  // changes of the network that belong together
constexpr auto time_to_retry = 1s;     // what failed, which may be for lack of memory
constexpr auto sweep_interval = 250ms;
constexpr auto look_interval =
    1s;  // at what the kernel tells nobody: a program that is taken off, a driver that can less

}  // namespace

Daemon::Daemon(EventLoop loop, std::unique_ptr<ConfigSource> source)
    : loop_(std::move(loop)),
      follower_(std::move(source), [this](Config written) { return adopt(std::move(written), balancer_->drains); }) {}

Result<std::unique_ptr<Daemon>> Daemon::prepare(Config config, std::unique_ptr<ConfigSource> source) {
    TRY(auto loop, EventLoop::open());
    TRY(auto resolver, Resolver::open(config.interfaces));
    TRY(auto pins, Pins::open());
    TRY(auto former, pins.present());
    // What is there is first taken over as it is.
    TRY(const Build build, former ? read_build(*former) : first_build(config, resolver));
    TRY(auto datapath, Datapath::load(build, former));
    Image image;
    if (former) {
        TRY(image, datapath.read_image());
    }
    std::unique_ptr<Daemon> daemon(new Daemon(std::move(loop), std::move(source)));
    daemon->balancer_ =
        std::make_unique<Balancer>(daemon->loop_, std::move(config), std::move(resolver), std::move(pins),
                                   std::move(former), std::move(datapath), std::move(image));
    return daemon;
}

Result<> Daemon::try_out(const Config& config) {
    TRY(auto resolver, Resolver::open(config.interfaces));
    CHECK_OK(expect_interfaces(resolver, {}));
    const Network& network = resolver.network();
    CHECK_OK(check_tags(network.ports, config.xdp, network.links));
    TRY(const Build build, first_build(config, resolver));
    TRY(const auto datapath, Datapath::load(build, {}));
    CHECK_OK(lbd::try_out(datapath, network.ports, config.xdp));
    follow(resolver, config.services);
    resolver.warn();
    log_narrow(narrow_paths(config.services, resolver.ways_out()));
    return {};
}

Result<> Daemon::run(const std::string& socket) {
    Balancer& balancer = *balancer_;
    balancer.drains_file = drains_file(socket);
    TRY(auto drains, read_drains(balancer.drains_file));
    balancer.drains = known(std::move(drains), balancer.written);
    balancer.config = with_drains(balancer.written, balancer.drains);
    TRY(balancer.offloads, Offloads::open(offloads_file(socket)));
    CHECK_OK(listen(socket));
    serve_metrics(balancer);
    loop_.feed_watchdog();
    const bool is_first = !balancer.program.is_there();
    auto begun = start(balancer);
    if (begun) {
        next_sweep_.arm(sweep_interval);
        next_look_.arm(look_interval);
        spdlog::info("balancing: " + summary(balancer.config, balancer.hops));
        ::sd_notify(0, "READY=1");
        begun = remove_answer_taps();
    }
    if (begun) begun = start_checks(balancer);
    if (!begun) {
        if (is_first) (void)balancer.program.remove();
        if (is_first) (void)balancer.offloads->restore();
        return begun;
    }
    auto ran = loop_.run();
    ::sd_notify(0, "STOPPING=1");
    if (!detach_) {
        spdlog::info("stopped; packets are still balanced, until lbd runs again or lbd stop --detach");
        return ran;
    }
    const auto detached = detach();
    if (!detached) control_->give_up(detached.error().message());
    return detached ? ran : detached;
}

Result<> Daemon::detach() {
    CHECK_OK(balancer_->program.remove());
    balancer_->resolver.release();
    const auto restored = balancer_->offloads->restore();
    const auto forgotten = write_drains(balancer_->drains_file, {});
    return restored ? forgotten : restored;
}

Result<> Daemon::listen(const std::string& socket) {
    for (const int signal : {SIGTERM, SIGINT}) {
        TRY(auto source, loop_.on_signal(signal, [this] { loop_.stop(); }));
        signals_.push_back(std::move(source));
    }
    TRY(auto source, loop_.on_signal(SIGHUP, [this] { follower_.reload(); }));
    signals_.push_back(std::move(source));
    balancer_->calls = {.read_network = [this] { read_network(); },
                        .changed = [this] { next_update_.arm(time_to_gather); },
                        .metrics = [this](Detail detail) -> Result<Exposition> {
                            TRY(Status status, observed(parts_of_metrics));
                            return Exposition(std::move(status), detail);
                        }};
    CHECK_OK(balancer_->follow_network());
    TRY(next_read_, loop_.timer([this] {
        if (balancer_->follow_network())
            read_network();
        else
            next_read_.arm(time_to_retry);
    }));
    TRY(next_update_, loop_.timer([this] { update(); }));
    TRY(next_sweep_, loop_.timer([this] { sweep(); }));
    TRY(next_look_, loop_.timer([this] {
        next_look_.arm(look_interval);
        not_seen_.take(follow_interfaces(*balancer_));
    }));
    CHECK_OK(follower_.watch(loop_));
    TRY(control_, Control::listen(loop_, socket, [this](const auto& request) { return answer(request); }));
    return {};
}

Result<Status> Daemon::observed(const Parts& parts) const {
    const Balancer& balancer = *balancer_;
    TRY(Status status,
        observe(balancer.config, balancer.image(), balancer.hops, balancer.program.attachments(), balancer.resolver,
                balancer.program.datapath(), parts.services ? balancer.checks() : CheckStatuses{}, parts));
    status.reloads = follower_.counts();
    return status;
}

/// While it fails, nobody waits for more: the loop would turn for nothing.
void Daemon::read_network() {
    const auto changed = balancer_->resolver.read();
    not_read_.take(changed.map([](bool) {}));
    if (!changed) {
        balancer_->network = {};
        next_read_.arm(time_to_retry);
    } else if (*changed) {
        next_update_.arm(time_to_gather);
    }
}

void Daemon::update() {
    const auto adapted = adapt(*balancer_);
    not_adapted_.take(adapted);
    if (!adapted) next_update_.arm(time_to_retry);
}

void Daemon::sweep() {
    next_sweep_.arm(sweep_interval);
    not_swept_.take(flow_sweep_.next(balancer_->program.datapath(), balancer_->idle_times));
}

}  // namespace culvert::lbd
