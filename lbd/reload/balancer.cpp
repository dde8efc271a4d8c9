// SPDX-License-Identifier: Apache-2.0
#include "lbd/reload/balancer.hpp"

#include <fmt/core.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>

#include "lbd/network/own.hpp"
#include "lbd/reload/key.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;

bool is_reachable(const Hops::value_type& hop) { return hop.second.has_value(); }

}  // namespace

Balancer::Balancer(common::EventLoop& event_loop, common::EventLoop& sharing_loop, Config configured, Resolver resolver,
                   Pins pins, std::optional<Generation> former, Datapath datapath, Image image)
    : loop(event_loop),
      sharing(sharing_loop),
      slow(common::call_aside(sharing_loop)),
      wanted{.written = configured, .drains = {}, .drains_file = {}, .config = std::move(configured)},
      reach{.resolver = std::move(resolver), .events = {}, .hops = {}, .around = {}},
      program(std::move(pins), std::move(former), std::move(datapath), slow),
      reconciler(program, std::move(image)) {}

std::vector<ProbePath::Port> Balancer::ports_to_probe() const {
    std::vector<ProbePath::Port> ports;
    for (const Attachment& one : program.attachments().list())
        ports.push_back({.ifindex = one.ifindex, .name = one.name});
    return ports;
}

void Balancer::tell_program() {
    const Network& now = reach.resolver.network();
    const auto programs = expected_programs(program.attachments().list(), now.ports, wanted.config.xdp);
    program.tell(own(now), unfinished(programs, now.links));
}

Result<> Balancer::follow_offloads() {
    auto followed = offloads->follow(program.attachments().list(), reach.resolver.network().links);
    tell_program();
    return followed;
}

void Balancer::watch_losses() {
    if (!losses) return;
    std::set<std::uint32_t> interfaces;
    for (const Attachment& one : program.attachments().list()) interfaces.insert(one.ifindex);
    for (const auto& [index, member] : reach.resolver.network().members) interfaces.insert(index);
    losses->watch(interfaces);
}

Result<> Balancer::follow_network() {
    reach.events = {};  // the loop accepts a descriptor only once
    TRY(reach.events, loop.on_io(reach.resolver.fd(), EPOLLIN, [this](std::uint32_t) { calls.read_network(); }));
    return {};
}

void Balancer::report(const Hops& before) const {
    if (lbd::report(reach, before, wanted.config.services))
        ::sd_notifyf(0, "STATUS=%s", summary(wanted.config, reach.hops).c_str());
}

Result<> Balancer::report_key() { return report_hash_keys(wanted.config, program.datapath().build().config, told_key); }

void Balancer::report_missing() const {
    for (const std::string& name : reach.resolver.tables().missing())
        spdlog::warn("interface " + name + " does not exist yet: waiting for it");
}

std::string summary(const Config& config, const Hops& hops) {
    return fmt::format("{} services, {} of {} backends reachable", config.services.size(),
                       std::ranges::count_if(hops, is_reachable), hops.size());
}

}  // namespace culvert::lbd
