// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>

#include "lbd/datapath/build.hpp"
#include "lbd/datapath/datapath.hpp"
#include "lbd/model/config.hpp"
#include "lbd/reconcile/planner.hpp"
#include "lbd/reconcile/program.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// A prepared change of program and maps.
struct Candidate {
    Draft draft;
    std::optional<Datapath> program;  ///< runs both the present and the desired state; absent: the present program can
    Build build;                      ///< of the program for the desired state alone
};

/// Brings program and maps to the desired state: first a program that can run both states, then the maps, then a
/// program for the desired state alone.
class Reconciler {
  public:
    /// `program` must outlive this. `image`: the content of its maps.
    Reconciler(Program& program, Image image) : program_(program), planner_(std::move(image)) {}

    [[nodiscard]] const Planner& planner() const { return planner_; }
    [[nodiscard]] const Image& image() const { return planner_.image(); }
    [[nodiscard]] Datapath& datapath() { return program_.datapath(); }
    [[nodiscard]] const Datapath& datapath() const { return program_.datapath(); }

    /// Prepares a change. Changes nothing. ENOSPC if the maps cannot be made large enough.
    [[nodiscard]] netlink::Result<Candidate> prepare(const Config& config, const Surroundings& around,
                                                     Planned wanted) const;
    /// Likewise, without a new program or larger maps. ENOSPC if the maps have no room.
    [[nodiscard]] netlink::Result<Candidate> prepare_maps(Planned wanted) const;

    /// Puts the candidate's program in place, if it has one: see Program::replace().
    [[nodiscard]] netlink::Result<> place(Candidate& candidate, const Ports& ports, XdpMode mode);
    /// Makes all edits of the maps, or none.
    [[nodiscard]] netlink::Result<> edit(Candidate& candidate);
    /// Does place() and edit(), or nothing. Afterwards it cannot be undone.
    [[nodiscard]] netlink::Result<> make(Candidate candidate, const Ports& ports, XdpMode mode);
    /// Changes to a program for the desired state alone. If that fails, the present program stays and works as well.
    [[nodiscard]] netlink::Result<> narrow(const Build& build, const Ports& ports, XdpMode mode);

    /// Frees ids that neither these services nor any flow needs.
    [[nodiscard]] netlink::Result<> forget_unused_ids(const Services& services);
    /// Ends these transitions: all their slots are settled.
    [[nodiscard]] netlink::Result<> end_transitions(const std::set<std::uint32_t>& lines);

    /// Begins the transitions that the image has, and the present one has not. They differ in nothing else.
    [[nodiscard]] netlink::Result<> begin_transitions(Image next);

  private:
    [[nodiscard]] netlink::Result<> take(Image next);
    [[nodiscard]] netlink::Result<Present> present() const;
    Program& program_;
    Planner planner_;
};

}  // namespace culvert::lbd
