// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lbd/attach/attachment.hpp"
#include "lbd/attach/plan.hpp"
#include "lbd/datapath/datapath.hpp"
#include "lbd/datapath/pins.hpp"
#include "lbd/state.hpp"
#include "netlink/link.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Links by index.
using Ports = std::map<std::uint32_t, netlink::Link>;

/// The interfaces that packets come in by, and our program on them.
class Attachments {
  public:
    /// `pins` outlives this.
    explicit Attachments(const Pins& pins) : pins_(pins) {}

    /// What commit() is to do.
    struct Prepared {
        std::vector<PortPlan> ports;
    };
    /// Whether the program can run on these ports, and on no others, in this mode. Changes nothing. EBUSY if somebody
    /// else's program is there.
    [[nodiscard]] netlink::Result<Prepared> prepare(const Ports& ports, XdpMode mode) const;
    /// Does it. Of ports that have no program of ours yet, none has one if it fails.
    [[nodiscard]] netlink::Result<> commit(Datapath& program, const Prepared& prepared);

    /// Runs the program in place of the former, wherever that one runs.
    [[nodiscard]] netlink::Result<> exchange(Datapath& program);
    /// Keeps to ports that have come and gone. One on which the program can't run is tried again the next time. True if
    /// there are others now.
    [[nodiscard]] netlink::Result<bool> follow(Datapath& program, const Ports& ports, XdpMode mode);

    /// To interfaces that were there when last seen.
    [[nodiscard]] const std::vector<Attachment>& list() const { return list_; }

  private:
    [[nodiscard]] bool has(std::uint32_t ifindex) const;
    /// An error says why none of the modes was taken.
    [[nodiscard]] netlink::Result<Attachment> attach(Datapath& program, const PortPlan& port) const;
    /// Of the pinned links, those that no attachment has.
    [[nodiscard]] netlink::Result<> detach_from_others(Datapath& program) const;

    const Pins& pins_;
    std::vector<Attachment> list_;
    std::string complaint_;  // about an interface: the last one, not to be repeated
};

}  // namespace culvert::lbd
