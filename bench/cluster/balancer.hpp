// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "bench/cluster/connections.hpp"
#include "bench/cluster/world.hpp"
#include "lbd/reconcile/planner.hpp"

namespace culvert::bench::cluster {

using Table = std::vector<std::uint16_t>;
/// The Maglev tables of all balancers: most of these have the same.
using Tables = std::map<lbd::Digest, std::shared_ptr<const Table>>;

/// What a balancer has beside the entries of connections: the real plan, and its maps as values.
class Balancer {
  public:
    /// `tables` must outlive this.
    Balancer(Run run, std::uint64_t key, Tables& tables) : run_(run), key_(key), tables_(&tables) {}
    /// One that starts, and takes over all that another one knows.
    Balancer(Run run, const Balancer& other) : Balancer(other) {
        run_ = run;
        look();
    }
    Balancer(Balancer&&) = default;
    Balancer& operator=(Balancer&&) = default;
    Balancer& operator=(const Balancer&) = delete;
    ~Balancer() = default;

    [[nodiscard]] Run run() const { return run_; }
    void hear(const News& news, Tick now);

    [[nodiscard]] std::uint32_t tag(std::uint64_t hash) const {
        return static_cast<std::uint32_t>(mix(hash ^ key_) >> 32) & ~((1U << LB_FLOW_STATE_BITS) - 1);
    }
    [[nodiscard]] std::size_t slot(std::uint32_t tag) const { return lb_slot(tag, service_.ring_size); }
    /// Where new connections go.
    [[nodiscard]] BackendIndex present(std::uint32_t tag) const { return present_at(slot(tag)); }
    [[nodiscard]] BackendIndex present_at(std::size_t slot) const { return backends_[(*table_)[slot]]; }
    [[nodiscard]] bool is_moving(std::uint32_t tag) const { return slots_ != nullptr && slots_->moving[slot(tag)]; }
    /// Where connections without an entry are while the slot is in transition. Notes that they are there now.
    [[nodiscard]] std::optional<BackendIndex> former(std::uint32_t tag, Tick now);
    [[nodiscard]] bool is_alive(BackendIndex backend) const { return backend < alive_.size() && alive_[backend]; }

    [[nodiscard]] bool has_transition() const { return slots_ != nullptr; }
    [[nodiscard]] std::size_t moving() const;
    [[nodiscard]] const Table* table() const { return table_.get(); }
    [[nodiscard]] const std::vector<bool>& moving_slots() const { return slots_->moving; }
    /// The slots whose transition can end: see lbd::settled().
    [[nodiscard]] std::vector<std::uint32_t> settled(const std::vector<bool>& awaited, Tick idle, Tick now) const;
    void settle(const std::vector<std::uint32_t>& slots);

  private:
    Balancer(const Balancer&) = default;  // `slots_` is the other one's then

    void run(const lbd::WriteRing& edit);
    void run(const lbd::WriteTransition& edit);
    template <typename Edit>
    void run(const Edit& /*edit*/) {}  // the image has the rest
    void look();

    Run run_;
    std::uint64_t key_;
    Tables* tables_;
    lbd::Planner planner_{lbd::Image()};
    std::map<std::uint32_t, std::shared_ptr<const Table>> rings_;  // by their first line
    std::map<std::uint32_t, lbd::Slots> transitions_;              // likewise

    // What of it is in force.
    lb_service service_{};
    std::shared_ptr<const Table> table_;
    lbd::Slots* slots_ = nullptr;         // if there is a transition
    std::vector<BackendIndex> backends_;  // by the value in the table
    std::vector<bool> alive_;             // by BackendIndex
};

}  // namespace culvert::bench::cluster
