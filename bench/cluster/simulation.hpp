// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "bench/cluster/balancer.hpp"
#include "bench/cluster/connections.hpp"
#include "bench/cluster/lives.hpp"
#include "bench/cluster/options.hpp"
#include "bench/cluster/world.hpp"

namespace culvert::bench::cluster {

/// What became of the connections.
struct Outcome {
    std::uint64_t opened = 0;
    std::uint64_t packets = 0;
    std::uint64_t broken = 0;   ///< a packet went to another backend, although theirs was there
    std::uint64_t lost = 0;     ///< with their backend
    std::uint64_t entries = 0;  ///< in the table of one balancer, at most
    std::uint64_t records = 0;  ///< of connections that a balancer told the others
    std::uint64_t uses = 0;     ///< likewise, that the former backend of a slot is in use
    double moving = 0;          ///< the part of the slots that was in transition, on average
    Tick seconds = 0;           ///< simulated
};

/// A world with balancers that remember connections by one scheme. Sharing is ideal: others have what a balancer tells
/// after a fixed delay, nothing gets lost, and who starts has it all.
class Simulation {
  public:
    Simulation(const Options& options, Scheme scheme);
    [[nodiscard]] Outcome run();

  private:
    void start(unsigned balancer, Tick now);
    void open(std::uint64_t number, Tick end, Tick at);
    void packet(Connection& connection, Tick now);
    void end(const Connection& connection);

    [[nodiscard]] BackendIndex choose(Balancer& balancer, Connection& connection, Tick now);
    [[nodiscard]] bool is_kept(const Entry& entry, Tick now) const {
        return entry.run != 0 && now - entry.used <= kept_;
    }
    [[nodiscard]] bool knows(const Balancer& balancer, const Entry& entry, Tick now) const;
    void use(const Balancer& balancer, Entry& entry, Tick now);
    void store(const Balancer& balancer, Entry& entry, BackendIndex backend, Tick now);

    [[nodiscard]] EntryCount& count_of(Run run) { return counts_[shared_ ? 0 : run]; }

    /// Ends the transition of slots. If balancers share, it ends on all at once.
    void sweep(Tick now);
    /// For each balancer the slots that it needs to be in transition: an entry names another backend than the table, or
    /// another balancer has said that the former backend is in use.
    [[nodiscard]] std::vector<std::vector<bool>> awaited(Tick now) const;

    Options options_;
    Scheme scheme_;
    bool shared_;
    Tick refresh_;  // what is in use is told anew after this time
    Tick kept_;     // entries without use
    World world_;
    Lives lives_;
    Agenda agenda_;
    Tables tables_;
    std::vector<std::optional<Balancer>> balancers_;  // those that are up
    Run runs_ = 0;
    std::vector<EntryCount> counts_;  // by run; 0: of all, if they share
    std::vector<Connection> ended_;   // whose entries are still in a table
    std::vector<Tick> told_;          // by slot: that the former backend is in use
    double moving_ = 0;
    unsigned sweeps_ = 0;
    Outcome outcome_;
};

}  // namespace culvert::bench::cluster
