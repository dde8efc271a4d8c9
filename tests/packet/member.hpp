// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "lbd/datapath/transition_map.hpp"
#include "lbd/exchange/exchange.hpp"
#include "tests/packet/reconciled.hpp"
#include "tests/packet/result.hpp"
#include "tests/track/history.hpp"

namespace culvert::packet {

inline constexpr std::uint16_t idle_ticks = 4;  ///< a connection that is silent for longer may be lost

/// A balancer of a cluster: its program, and what it exchanges with others.
class Member {
  public:
    /// `buckets`: of its flow table.
    explicit Member(std::size_t buckets = LB_FLOW_LEAST_PART) : reconciled_(track::World().services(), buckets) {
        boot();
    }

    /// Forgets everything, as after a reboot.
    void boot() {
        reconciled_.change({});
        std::ranges::fill(reconciled_.flows().table(), lb_bucket{});
        done(reconciled_.reconciler().forget_unused_ids({}));
        exchange_ = {};
    }
    void change(const track::World& world) {
        world_ = world;
        lbd::Services services;
        for (lbd::Service service : world.services()) {
            // A flow is kept longer than promised here, as real time passes, too.
            service.idle = std::chrono::seconds(1);
            while (reconciled_.flows().clock().units(service.idle) < idle_ticks + 3) service.idle *= 2;
            services.push_back(std::move(service));
        }
        reconciled_.change(services, world.health());
    }
    [[nodiscard]] std::optional<unsigned> send(const Bytes& frame) const {
        const int backend = reconciled_.send(frame);
        return backend == 0 ? std::nullopt : std::optional(static_cast<unsigned>(backend) - 1);
    }
    void age(std::uint16_t ticks) {
        for (lb_bucket& bucket : reconciled_.flows().table())
            for (__u64& entry : bucket.entry)
                if (entry != 0) entry -= std::uint64_t{ticks} << LB_FLOW_TIME_SHIFT;
        for (const auto& [line, transition] : reconciled_.image().transitions) {
            const auto at = reconciled_.datapath().maps().transition(line);
            lbd::Slots slots = lbd::read_slots(at);
            for (std::uint16_t& used : slots.used) used = static_cast<std::uint16_t>(used - ticks);
            lbd::write_slots(at, slots);
        }
    }
    void use_part(unsigned shift) {
        reconciled_.use_part(shift);
        reconciled_.move_all();
    }
    void sweep(const lbd::IsHeld& held) { reconciled_.sweep(held); }

    lbd::Exchange& exchange() { return exchange_; }
    lbd::Reconciler& reconciler() { return reconciled_.reconciler(); }
    [[nodiscard]] const track::World& world() const { return world_; }
    [[nodiscard]] bool has_transition() const { return !reconciled_.image().transitions.empty(); }
    [[nodiscard]] bool has_same_table(const Member& other) const {
        const auto& own = reconciled_.image().tables;
        const auto& others = other.reconciled_.image().tables;
        return std::ranges::equal(own, others, [](const auto& a, const auto& b) {
            return std::ranges::equal(
                       a.second.ring.contenders, b.second.ring.contenders,
                       [](const auto& x, const auto& y) { return x.name == y.name && x.weight == y.weight; }) &&
                   a.second.ring.size == b.second.ring.size;
        });
    }

  private:
    Reconciled reconciled_;
    track::World world_;
    lbd::Exchange exchange_;
};

}  // namespace culvert::packet
