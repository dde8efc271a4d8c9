// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "lbd/datapath/build.hpp"
#include "lbd/datapath/datapath.hpp"
#include "lbd/model/config.hpp"
#include "lbd/reconcile/planner.hpp"
#include "lbd/reconcile/program.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// A change of program and maps that is ready to be made.
struct Candidate {
    Draft draft;
    std::optional<Datapath> program;  ///< that runs what is and what is to be; none: the present one does
    Build build;                      ///< when nothing is left of what was
};

/// Brings program and maps to what is wanted: first a program that can run both, then the maps, then a program for what
/// is wanted alone.
class Reconciler {
  public:
    /// `program` outlives this. `image`: what its maps hold.
    Reconciler(Program& program, Image image) : program_(program), planner_(std::move(image)) {}

    [[nodiscard]] const Planner& planner() const { return planner_; }
    [[nodiscard]] const Image& image() const { return planner_.image(); }

    /// Changes nothing. ENOSPC if the maps can't be made as large as they would have to be.
    [[nodiscard]] netlink::Result<Candidate> prepare(const Config& config, const Surroundings& around,
                                                     Planned wanted) const;
    /// The same with program and maps that are there. ENOSPC if they have no room.
    [[nodiscard]] netlink::Result<Candidate> prepare_maps(Planned wanted) const;

    /// Puts the candidate's program in place, if it has one: see Program::replace().
    [[nodiscard]] netlink::Result<> place(Candidate& candidate, const Ports& ports, XdpMode mode);
    /// Edits the maps: all or nothing.
    [[nodiscard]] netlink::Result<> edit(Candidate& candidate);
    /// Both, with no way back, or nothing.
    [[nodiscard]] netlink::Result<> make(Candidate candidate, const Ports& ports, XdpMode mode);
    /// Goes over to the program for what is wanted alone. Where that fails, the one that is there does as well.
    [[nodiscard]] netlink::Result<> narrow(const Build& build, const Ports& ports, XdpMode mode);

    /// Gives ids free that nothing needs: neither these services nor any flow.
    [[nodiscard]] netlink::Result<> forget_unused_ids(const Services& services);

  private:
    Program& program_;
    Planner planner_;
};

}  // namespace culvert::lbd
