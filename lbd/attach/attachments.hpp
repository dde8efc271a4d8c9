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

/// The interfaces that packets arrive on, with our program attached.
class Attachments {
  public:
    /// `pins` must outlive this.
    explicit Attachments(const Pins& pins) : pins_(pins) {}

    /// The input of commit().
    struct Prepared {
        Ports ports;
        XdpMode mode = XdpMode::automatic;
    };
    /// Checks whether the program can run in this mode on these ports and on no others, as far as that shows without
    /// trying. Changes nothing. EBUSY if a foreign program is attached.
    [[nodiscard]] netlink::Result<Prepared> prepare(const Ports& ports, XdpMode mode) const;
    /// Attaches the program. If that fails, all ports are as before.
    [[nodiscard]] netlink::Result<> commit(Datapath& program, const Prepared& prepared);

    /// Replaces `former` by `next` on all its interfaces. If that fails, `former` stays.
    [[nodiscard]] netlink::Result<> exchange(Datapath& next, Datapath& former, const Ports& ports, XdpMode mode);
    /// Follows ports that come and go, and repairs what others did to their programs. A port that refused is tried
    /// again when it has changed, and from time to time. True if the list has changed.
    [[nodiscard]] netlink::Result<bool> follow(Datapath& program, const Ports& ports, XdpMode mode);

    /// The attachments as they were at the last change.
    [[nodiscard]] const std::vector<Attachment>& list() const { return list_; }
    /// The state in the kernel now.
    [[nodiscard]] netlink::Result<std::vector<Seen>> see(const Ports& ports) const;

  private:
    /// Restores the state `before`.
    void undo(Datapath& program, const std::vector<Seen>& before, const Brought& brought) const;

    /// Detaches the program from interfaces that are not in the list.
    [[nodiscard]] netlink::Result<> detach_from_others(Datapath& program) const;
    /// The failures that are recent, of interfaces that have not changed since.
    [[nodiscard]] netlink::Result<AllFailed> still_failed(const Ports& ports) const;
    void tell(const Brought& brought, const Ports& ports);
    void complain(const netlink::Error& error);

    const Pins& pins_;
    std::vector<Attachment> list_;
    AllFailed failed_;
    std::map<std::string, std::string> complaints_;  // the last one for each interface, so that none is repeated
    std::string why_;                                // the last logged reason for generic mode
};

}  // namespace culvert::lbd
