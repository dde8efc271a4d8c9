// SPDX-License-Identifier: Apache-2.0
#include "bench/cluster/world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "bench/cluster/lives.hpp"

namespace culvert::bench::cluster {
namespace {

constexpr std::size_t ecmp_buckets = 16'384;
constexpr std::size_t most_dead = 3;  // then the first one comes back

lbd::IpAddress address_of(BackendIndex backend) {
    return *netlink::IpAddress::parse(fmt::format("10.1.{}.{}", backend / 250, backend % 250 + 1));
}

}  // namespace

std::string name_of(BackendIndex backend) { return fmt::format("b{}", backend); }
BackendIndex index_of(const std::string& name) { return static_cast<BackendIndex>(std::stoul(name.substr(1))); }

World::World(const Options& options, lbd::Track track)
    : options_(options),
      track_(track),
      first_(60 + std::max(options.idle, options.silence)),
      random_(options.seed),
      backends_(options.backends),
      up_(options.balancers, true),
      ecmp_(ecmp_buckets),
      news_(tell()) {
    route();
}

World::Step World::begin(Tick now) {
    Step step;
    if (now >= first_ && now % options_.backend_every == 0) {
        change_backends(now);
        news_ = tell();
        for (unsigned i = 0; i < options_.balancers; ++i)
            pending_.push_back({now + static_cast<Tick>(below(options_.skew + 1UL)), i, news_});
    }
    if (now >= first_ && now % options_.balancer_every == options_.balancer_every / 2) change_balancers(step);
    for (const Pending& one : pending_)
        if (one.at <= now && up_[one.balancer]) step.told.emplace_back(one.balancer, one.news);
    std::erase_if(pending_, [now](const Pending& one) { return one.at <= now; });
    return step;
}

void World::change_backends(Tick now) {
    for (Backend& backend : backends_)
        if (backend.state == State::draining && now - backend.since > static_cast<Tick>(Lives::most))
            backend.state = State::removed;
    const std::size_t kind = below(3);
    if (kind == 0)
        leave(State::draining, now);
    else if (kind == 1)
        backends_.emplace_back();
    else
        leave(State::dead, now);
    if (std::ranges::count(backends_, State::dead, &Backend::state) <= static_cast<std::ptrdiff_t>(most_dead)) return;
    const auto waits = [](const Backend& backend) { return backend.state == State::dead ? backend.since : UINT32_MAX; };
    std::ranges::min_element(backends_, {}, waits)->state = State::active;
}

/// Half of the backends stay.
void World::leave(State how, Tick now) {
    std::vector<Backend*> active;
    for (Backend& backend : backends_)
        if (backend.state == State::active) active.push_back(&backend);
    if (active.size() <= std::max(1U, options_.backends / 2)) return;
    Backend& backend = *active[below(active.size())];
    backend.state = how;
    backend.since = now;
    if (how == State::dead) ++backend.deaths;
}

/// And half of the balancers.
void World::change_balancers(Step& step) {
    const auto index = static_cast<unsigned>(below(up_.size()));
    if (!up_[index]) {
        step.starts = index;
    } else {
        if (std::ranges::count(up_, true) <= std::max<std::ptrdiff_t>(1, options_.balancers / 2)) return;
        step.dies = index;
    }
    up_[index] = !up_[index];
    route();
}

void World::route() {
    std::vector<std::uint8_t> ups;
    for (unsigned i = 0; i < options_.balancers; ++i)
        if (up_[i]) ups.push_back(static_cast<std::uint8_t>(i));
    for (std::size_t bucket = 0; bucket < ecmp_.size(); ++bucket) {
        const auto weight = [bucket](std::uint8_t balancer) { return mix(bucket * 251 + balancer + 1); };
        ecmp_[bucket] = options_.plain_ecmp ? ups[bucket % ups.size()] : *std::ranges::max_element(ups, {}, weight);
    }
}

std::shared_ptr<const News> World::tell() const {
    News news;
    lbd::Service service{.name = service_name,
                         .vip = *netlink::Prefix::parse("192.0.2.1"),
                         .ports = {{lbd::Protocol::tcp, 80}},
                         .table_size = options_.slots,
                         .track = track_,
                         .idle = std::chrono::seconds(options_.idle),
                         .health = lbd::HealthCheck{},
                         .backends = {}};
    for (std::size_t i = 0; i < backends_.size(); ++i) {
        const State state = backends_[i].state;
        if (state == State::removed) continue;
        const auto index = static_cast<BackendIndex>(i);
        service.backends.push_back(
            {.name = name_of(index),
             .address = address_of(index),
             .encap = lbd::L2{},
             .state = state == State::draining ? lbd::BackendState::drain : lbd::BackendState::active});
        if (state == State::dead) news.health[{service_name, name_of(index)}] = {.up = false};
        news.hops[address_of(index)] = lbd::NextHop{.ifindex = 1,
                                                    .source = {{2, 0, 0, 0, 0, 1}},
                                                    .destination = {{2, 0, 0, 0, 0, 2}},
                                                    .from = *netlink::IpAddress::parse("10.0.0.1")};
    }
    news.services.push_back(std::move(service));
    return std::make_shared<const News>(std::move(news));
}

}  // namespace culvert::bench::cluster
