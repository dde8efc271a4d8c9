// SPDX-License-Identifier: Apache-2.0
#include "lbd/reload/balancer.hpp"

#include <fmt/core.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <set>
#include <utility>

#include "lbd/model/cure.hpp"
#include "lbd/network/log.hpp"
#include "lbd/network/own.hpp"
#include "lbd/network/report.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;

bool is_reachable(const Hops::value_type& hop) { return hop.second.has_value(); }

}  // namespace

Balancer::Balancer(common::EventLoop& event_loop, Config configured, Resolver ways, Pins pins,
                   std::optional<Generation> former, Datapath datapath, Image image)
    : loop(event_loop),
      written(std::move(configured)),
      config(written),
      resolver(std::move(ways)),
      program(std::move(pins), std::move(former), std::move(datapath)),
      reconciler(program, std::move(image)) {}

std::vector<ProbePath::Port> Balancer::ports_to_probe() const {
    std::vector<ProbePath::Port> ports;
    for (const Attachment& one : program.attachments().list())
        ports.push_back({.ifindex = one.ifindex, .name = one.name});
    return ports;
}

void Balancer::tell_program() {
    const Network& now = resolver.network();
    const auto programs = expected_programs(program.attachments().list(), now.ports, config.xdp);
    program.tell(own(now), unfinished(programs, now.links));
}

Result<> Balancer::follow_offloads() {
    auto followed = offloads->follow(program.attachments().list(), resolver.network().links);
    tell_program();
    return followed;
}

void Balancer::watch_losses() {
    if (!losses) return;
    std::set<std::uint32_t> interfaces;
    for (const Attachment& one : program.attachments().list()) interfaces.insert(one.ifindex);
    for (const auto& [index, member] : resolver.network().members) interfaces.insert(index);
    losses->watch(interfaces);
}

void Balancer::follow_checks() {
    if (!checker) return;
    checker->follow(config.services, image().ids, {.ipv4 = around.own4, .ipv6 = around.own6}, found);
    found.clear();
}

Result<> Balancer::follow_network() {
    network = {};  // a descriptor is waited for once
    TRY(network, loop.on_io(resolver.fd(), EPOLLIN, [this](std::uint32_t) { calls.read_network(); }));
    return {};
}

void Balancer::report(const Hops& before) const {
    const auto why = [this](const IpAddress& backend) { return resolver.why_unresolved(backend); };
    const auto changes = way_changes(before, hops, why);
    for (const WayChange& change : changes) log_way(change, resolver.network());
    if (!changes.empty()) ::sd_notifyf(0, "STATUS=%s", summary(config, hops).c_str());
    if (before != hops) log_narrow(narrow_paths(config.services, hops));
}

void Balancer::report_missing() const {
    for (const std::string& name : resolver.missing())
        spdlog::warn("interface " + name + " is not there: waiting for it");
}

void follow(Resolver& resolver, const Services& services) {
    for (const Services::Shared& service : services.shared()) resolver.follow(service);
}

void forget(Resolver& resolver, const Services& services) {
    for (const Services::Shared& service : services.shared()) resolver.forget(service);
}

Result<Hops> resolve(Resolver& resolver, std::chrono::milliseconds patience) {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + patience;
    for (;;) {
        Hops hops = resolver.update();
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        if (left.count() <= 0 || std::ranges::all_of(hops, is_reachable)) return hops;
        pollfd changes{.fd = resolver.fd(), .events = POLLIN, .revents = 0};
        ::poll(&changes, 1, static_cast<int>(left.count()));
        CHECK_OK(resolver.read());
    }
}

Result<> expect_interfaces(const Resolver& resolver, const std::vector<std::string>& waited_for) {
    for (const std::string& name : resolver.missing())
        if (std::ranges::find(waited_for, name) == waited_for.end())
            return netlink::failure("balance on", name, ENODEV, {}, std::string(cure_of("interface_missing")));
    return {};
}

std::string summary(const Config& config, const Hops& hops) {
    return fmt::format("{} services, {} of {} backends reachable", config.services.size(),
                       std::ranges::count_if(hops, is_reachable), hops.size());
}

}  // namespace culvert::lbd
