// SPDX-License-Identifier: Apache-2.0
#include "lbd/attach/try_out.hpp"

#include <string>

#include "lbd/attach/offloads.hpp"
#include "lbd/control/control.hpp"
#include "lbd/daemon/daemon.hpp"
#include "lbd/datapath/inherit.hpp"
#include "lbd/health/probe_path.hpp"
#include "lbd/network/log.hpp"
#include "lbd/network/report.hpp"
#include "lbd/reload/key.hpp"
#include "lbd/reload/start.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;

/// Whether this lbd can take over from the earlier one, if there was one.
Result<> try_to_take_over(const Pins& pins, const Config& config) {
    TRY(const auto former, pins.present());
    if (!former) return {};
    TRY(const Build build, read_build(*former));
    std::string told;
    CHECK_OK(report_hash_keys(config, build.config, told));
    return Datapath::load(build, former).map([](const Datapath&) {});
}

/// What only one lbd can have.
Result<> try_what_one_has(const Config& config, const Datapath& datapath) {
    if (config.services.have(Trait::health)) CHECK_OK(ProbePath::open(datapath.dests(), {}));
    TRY(auto loop, EventLoop::open());
    (void)serve_metrics(loop, config, {});
    return {};
}

}  // namespace

Result<> Daemon::try_out(const Config& config, const std::string& socket) {
    TRY(auto resolver, Resolver::open(config.interfaces));
    CHECK_OK(expect_interfaces(resolver, {}));
    const Network& network = resolver.network();
    CHECK_OK(check_tags(network.ports, config.xdp, network.links));
    TRY(const Pins pins, Pins::look());
    CHECK_OK(try_to_take_over(pins, config));
    TRY(const Build build, first_build(config, resolver));
    TRY(const auto datapath, Datapath::load(build, {}));
    CHECK_OK(lbd::try_out(datapath, network.ports, config.xdp));
    CHECK_OK(read_drains(drains_file(socket)));
    CHECK_OK(Offloads::open(offloads_file(socket)));
    TRY(const bool one_runs, is_listened_at(socket));
    if (!one_runs) CHECK_OK(try_what_one_has(config, datapath));
    follow(resolver, config.services);
    log_redirects(network);
    log_narrow(narrow_paths(config.services, resolver.ways_out()));
    return {};
}

}  // namespace culvert::lbd
