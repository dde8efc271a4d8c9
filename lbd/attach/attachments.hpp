// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lbd/attach/attachment.hpp"
#include "lbd/attach/bring.hpp"
#include "lbd/attach/look.hpp"
#include "lbd/datapath/datapath.hpp"
#include "lbd/datapath/pins.hpp"
#include "lbd/model/config.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// The interfaces that packets come in by, and our program on them.
class Attachments {
  public:
    /// `pins` outlives this.
    explicit Attachments(const Pins& pins) : pins_(pins) {}

    /// What commit() is to do.
    struct Prepared {
        Ports ports;
        XdpMode mode = XdpMode::automatic;
    };
    /// Whether the program can run on these ports, and on no others, in this mode, as far as can be told without
    /// trying. Changes nothing. EBUSY if somebody else's program is there.
    [[nodiscard]] netlink::Result<Prepared> prepare(const Ports& ports, XdpMode mode) const;
    /// Does it. If it fails all ports are as they were.
    [[nodiscard]] netlink::Result<> commit(Datapath& program, const Prepared& prepared);

    /// Runs `next` in place of `former`, wherever that one runs. If it fails `former` goes on.
    [[nodiscard]] netlink::Result<> exchange(Datapath& next, Datapath& former, const Ports& ports, XdpMode mode);
    /// Keeps to ports that have come and gone, and to what others do to their programs. A port that refuses is tried
    /// again when it has changed, and now and then. True if there are others now.
    [[nodiscard]] netlink::Result<bool> follow(Datapath& program, const Ports& ports, XdpMode mode);

    /// To interfaces that were there when last looked at.
    [[nodiscard]] const std::vector<Attachment>& list() const { return list_; }
    /// As the kernel has it now.
    [[nodiscard]] netlink::Result<std::vector<Seen>> see(const Ports& ports) const;

  private:
    /// Has the ports be as they were `before`.
    void undo(Datapath& program, const std::vector<Seen>& before, const Brought& brought) const;

    /// Of the pinned links, those that no attachment has.
    [[nodiscard]] netlink::Result<> detach_from_others(Datapath& program) const;
    /// Those that are as they were when they failed, a little while ago.
    [[nodiscard]] netlink::Result<AllFailed> still_failed(const Ports& ports) const;
    void tell(const Brought& brought, const Ports& ports);
    void complain(const netlink::Error& error);

    const Pins& pins_;
    std::vector<Attachment> list_;
    AllFailed failed_;
    std::map<std::string, std::string> complaints_;  // the last one about each interface, not to be repeated
    std::string why_;                                // not native: as it was said
};

}  // namespace culvert::lbd
