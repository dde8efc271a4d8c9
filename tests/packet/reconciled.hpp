// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lbd/model/health.hpp"
#include "lbd/model/services.hpp"
#include "lbd/reconcile/flow_sweep.hpp"
#include "lbd/reconcile/program.hpp"
#include "lbd/reconcile/reconciler.hpp"
#include "tests/packet/packet.hpp"

namespace culvert::packet {

/// A backend of L2 with this number. Its packets have the number as the last byte of their MAC address.
[[nodiscard]] lbd::Backend numbered(int number);

/// The first packet of a client, and what differs in those of others.
class Clients {
  public:
    explicit Clients(const Packet& first);

    /// `source`: the last three bytes of the address.
    [[nodiscard]] Bytes frame(std::uint32_t source) const;
    /// With TCP flags.
    [[nodiscard]] Bytes frame(std::uint32_t source, unsigned flags) const;

  private:
    Bytes first_;
};

/// The loaded program, planned, edited and swept by what lbd has for it. Nothing is attached or pinned. Errors are
/// thrown.
class Reconciled {
  public:
    /// `buckets`: of the flow table.
    Reconciled(const lbd::Services& services, std::size_t buckets);
    ~Reconciled();
    Reconciled(const Reconciled&) = delete;
    Reconciled& operator=(const Reconciled&) = delete;

    /// Each backend is reachable. `down`: those that checks have found down.
    void change(const lbd::Services& services, const lbd::Health& health = {});
    /// A whole round of the sweep, and what it leads to.
    void sweep(const lbd::IsHeld& held = {});
    /// The number of the backend that gets a packet; 0: it is dropped.
    [[nodiscard]] int send(const Bytes& frame) const;

    [[nodiscard]] lbd::Datapath& datapath() { return program_.datapath(); }
    [[nodiscard]] lbd::Reconciler& reconciler() { return reconciler_; }
    [[nodiscard]] lbd::FlowMap& flows() { return datapath().flows(); }
    [[nodiscard]] const lbd::Image& image() const { return reconciler_.image(); }
    [[nodiscard]] std::uint64_t evicted() const;
    [[nodiscard]] std::size_t entries() const;

    void use_part(unsigned shift);
    void move();
    void move_all();

  private:
    lbd::Program program_;
    lbd::Reconciler reconciler_;
    lbd::FlowSweep sweep_;
    lbd::IdleTimes idle_;
};

}  // namespace culvert::packet
