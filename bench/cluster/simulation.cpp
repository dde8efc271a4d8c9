// SPDX-License-Identifier: Apache-2.0
#include "bench/cluster/simulation.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>

namespace culvert::bench::cluster {
namespace {

constexpr Tick sweep_every = 4;  // as lbd
constexpr Tick begin_within = 60;

}  // namespace

Simulation::Simulation(const Options& options, Scheme scheme)
    : options_(options),
      scheme_(scheme),
      shared_(is_shared(scheme)),
      refresh_(std::max<Tick>(1, options.idle / 3)),
      kept_(options.idle + (shared_ ? refresh_ : 0)),
      world_(options, is_enough(scheme) ? lbd::Track::just_enough : lbd::Track::none),
      lives_(options),
      agenda_(std::max(options.silence, begin_within)),
      balancers_(options.balancers),
      told_(options.slots) {
    if (options.balancer_every <= options.idle)
        throw std::invalid_argument("balancers may come and go no more often than entries are forgotten");
    if (options.backend_every <= options.skew)
        throw std::invalid_argument("all balancers must hear of a change before the next one");
    counts_.emplace_back(kept_);
    for (unsigned i = 0; i < options.balancers; ++i) start(i, 0);
}

void Simulation::start(unsigned balancer, Tick now) {
    const Run run = ++runs_;
    std::optional<Balancer>& one = balancers_[balancer];
    if (const auto peer = std::ranges::find_if(balancers_, &std::optional<Balancer>::has_value);
        scheme_ == Scheme::enough_shared && peer != balancers_.end())
        one = Balancer(run, **peer);
    else
        one = Balancer(run, scheme_ == Scheme::own_key ? mix(options_.seed + run) : 0, tables_);
    one->hear(world_.news(), now);
    counts_.emplace_back(kept_);
}

Outcome Simulation::run() {
    outcome_.seconds = static_cast<Tick>(options_.hours * 3600);
    std::uint64_t number = 0;
    for (std::uint32_t i = 0; i < options_.connections; ++i) {
        const std::uint64_t random = mix(options_.seed * 0x9e3779b97f4a7c15ULL + ++number);
        const Tick at = static_cast<Tick>(random % begin_within) + 1;
        open(number, at + lives_.rest(mix(random)), at);
    }
    double opened = 0;
    for (Tick now = 1; now < outcome_.seconds; ++now) {
        for (EntryCount& count : counts_) count.begin(now);
        const World::Step step = world_.begin(now);
        if (step.dies) balancers_[*step.dies].reset();
        if (step.starts) start(*step.starts, now);
        for (const auto& [balancer, news] : step.told) balancers_[balancer]->hear(*news, now);
        agenda_.take(now, [&](Connection& connection) { packet(connection, now); });
        for (opened += lives_.opened(); opened >= 1; --opened) {
            ++number;
            open(number, now + 1 + lives_.life(mix(options_.seed + mix(number))), now + 1);
        }
        if (is_enough(scheme_) && now % sweep_every == 0) sweep(now);
    }
    for (const EntryCount& count : counts_) outcome_.entries = std::max(outcome_.entries, count.most());
    if (sweeps_ != 0) outcome_.moving = moving_ / sweeps_;
    return outcome_;
}

void Simulation::open(std::uint64_t number, Tick end, Tick at) {
    agenda_.put({.hash = mix(mix(options_.seed) ^ number), .end = end}, at);
}

void Simulation::packet(Connection& connection, Tick now) {
    ++outcome_.packets;
    const auto is_gone = [&] {
        return world_.is_dead(connection.backend) || world_.deaths(connection.backend) != connection.deaths;
    };
    const bool opens = !connection.is_open;
    if (!opens && is_gone()) {
        ++outcome_.lost;
        return end(connection);
    }
    const BackendIndex to = choose(*balancers_[world_.balancer_of(connection.hash)], connection, now);
    if (opens) {
        ++outcome_.opened;
        connection.is_open = true;
        connection.backend = to;
        connection.deaths = world_.deaths(to);
        if (is_gone()) {  // nobody has told the balancer yet
            ++outcome_.lost;
            return end(connection);
        }
    } else if (to != connection.backend) {
        ++outcome_.broken;
        return end(connection);
    }
    if (now >= connection.end) return end(connection);
    agenda_.put(connection, std::min(now + lives_.gap(mix(connection.hash + now)), connection.end));
}

void Simulation::end(const Connection& connection) {
    if (is_enough(scheme_) && connection.entry.run != 0) ended_.push_back(connection);
}

/// What bpf/lb.bpf.c does, or what a program with a full table does.
BackendIndex Simulation::choose(Balancer& balancer, Connection& connection, Tick now) {
    const std::uint32_t tag = balancer.tag(connection.hash);
    const bool enough = is_enough(scheme_);
    Entry& entry = connection.entry;
    const bool known = knows(balancer, entry, now);
    // Who has not heard of a change goes by the records of those who have.
    if (enough && !balancer.is_moving(tag)) return shared_ && known ? entry.backend : balancer.present(tag);
    if (known) {
        use(balancer, entry, now);
        return entry.backend;
    }
    if (enough && connection.is_open) {
        const auto former = balancer.former(tag, now);
        if (!former) return balancer.present(tag);
        if (Tick& told = told_[balancer.slot(tag)]; shared_ && now - told >= refresh_) {
            told = now;
            ++outcome_.uses;
        }
        return *former;
    }
    store(balancer, entry, balancer.present(tag), now);
    return entry.backend;
}

bool Simulation::knows(const Balancer& balancer, const Entry& entry, Tick now) const {
    if (!is_kept(entry, now) || !balancer.is_alive(entry.backend)) return false;
    return entry.run == balancer.run() || (shared_ && now - entry.since >= options_.delay);
}

void Simulation::use(const Balancer& balancer, Entry& entry, Tick now) {
    if (shared_) {
        if (now - entry.used < refresh_) return;
        ++outcome_.records;
    }
    count_of(balancer.run()).use(now, true, entry.used);
    entry.used = now;
}

void Simulation::store(const Balancer& balancer, Entry& entry, BackendIndex backend, Tick now) {
    const bool replaces = is_kept(entry, now) && (shared_ || entry.run == balancer.run());
    count_of(balancer.run()).use(now, replaces, entry.used);
    entry = {.used = now, .since = now, .run = balancer.run(), .backend = backend};
    if (shared_) ++outcome_.records;
}

void Simulation::sweep(Tick now) {
    std::erase_if(ended_, [&](const Connection& connection) { return !is_kept(connection.entry, now); });
    const auto has_transition = [](const auto& one) { return one && one->has_transition(); };
    ++sweeps_;
    if (std::ranges::none_of(balancers_, has_transition)) return;
    const auto slots = awaited(now);
    const auto ups = std::ranges::count_if(balancers_, &std::optional<Balancer>::has_value);
    std::vector<bool> held(options_.slots);
    std::vector<std::vector<std::uint32_t>> over(balancers_.size());
    for (std::size_t i = 0; i < balancers_.size(); ++i) {
        if (!has_transition(balancers_[i])) continue;
        moving_ += static_cast<double>(balancers_[i]->moving()) / options_.slots / static_cast<double>(ups);
        over[i] = balancers_[i]->settled(slots[i], options_.idle, now);
        if (!shared_) continue;
        std::vector<bool> waits = balancers_[i]->moving_slots();
        for (const std::uint32_t slot : over[i]) waits[slot] = false;
        for (std::size_t slot = 0; slot < waits.size(); ++slot)
            if (waits[slot]) held[slot] = true;
    }
    for (std::size_t i = 0; i < balancers_.size(); ++i) {
        std::erase_if(over[i], [&](std::uint32_t slot) { return held[slot]; });
        if (has_transition(balancers_[i])) balancers_[i]->settle(over[i]);
    }
}

std::vector<std::vector<bool>> Simulation::awaited(Tick now) const {
    // With the same table the same slots are awaited, if entries are the same.
    std::map<const Table*, std::size_t> tables;
    std::vector<const Balancer*> by_run(runs_ + 1UL);
    std::vector<std::size_t> index_of_run(runs_ + 1UL);
    std::vector<std::vector<bool>> slots(balancers_.size(), std::vector<bool>(options_.slots));
    for (std::size_t i = 0; i < balancers_.size(); ++i) {
        if (!balancers_[i]) continue;
        tables.emplace(balancers_[i]->table(), i);
        by_run[balancers_[i]->run()] = &*balancers_[i];
        index_of_run[balancers_[i]->run()] = i;
    }
    const auto see = [&](const Connection& connection) {
        const Entry& entry = connection.entry;
        if (!is_kept(entry, now)) return;
        const auto see_at = [&](const Balancer& balancer, std::size_t index) {
            const std::uint32_t tag = balancer.tag(connection.hash);
            if (balancer.present(tag) != entry.backend) slots[index][balancer.slot(tag)] = true;
        };
        if (shared_)
            for (const auto& [table, index] : tables) see_at(*balancers_[index], index);
        else if (const Balancer* balancer = by_run[entry.run])
            see_at(*balancer, index_of_run[entry.run]);
    };
    agenda_.each(see);
    std::ranges::for_each(ended_, see);
    if (!shared_) return slots;
    const Balancer& first = *balancers_[tables.begin()->second];
    for (std::size_t slot = 0; slot < told_.size(); ++slot) {
        bool all = told_[slot] != 0 && now - told_[slot] <= kept_;
        // One that settled before the others have heard of its backend would leave no trace of new connections.
        for (const auto& [table, index] : tables) all |= balancers_[index]->present_at(slot) != first.present_at(slot);
        if (!all) continue;
        for (const auto& [table, index] : tables) slots[index][slot] = true;
    }
    for (std::size_t i = 0; i < balancers_.size(); ++i)
        if (balancers_[i]) slots[i] = slots[tables.at(balancers_[i]->table())];
    return slots;
}

}  // namespace culvert::bench::cluster
