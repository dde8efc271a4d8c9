// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "lbd/attach/attachments.hpp"
#include "lbd/datapath/datapath.hpp"
#include "lbd/datapath/pins.hpp"
#include "lbd/model/surroundings.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// The program that packets see, pinned, and where it runs. Another one takes its place between two packets.
class Program {
  public:
    /// `datapath` is not in place yet; `generation` is the one that packets see until then, if there is one.
    Program(Pins pins, std::optional<Generation> generation, Datapath datapath);
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    [[nodiscard]] Datapath& datapath() { return datapath_; }
    [[nodiscard]] const Datapath& datapath() const { return datapath_; }
    [[nodiscard]] const Pins& pins() const { return pins_; }
    [[nodiscard]] Attachments& attachments() { return attachments_; }
    [[nodiscard]] const Attachments& attachments() const { return attachments_; }
    /// False at first, unless an lbd before has left one.
    [[nodiscard]] bool is_there() const { return generation_.has_value(); }

    /// What another program goes on from. See Datapath::load().
    [[nodiscard]] netlink::Result<Datapath> load(const Build& build) const {
        return Datapath::load(build, generation_);
    }

    /// Which frames are for this host, and in which state they come, from now on.
    void tell(Own own, lb_unfinished unfinished);
    /// Pins the first program, and puts it in place of what an lbd before has left.
    [[nodiscard]] netlink::Result<> start();
    /// Puts a loaded program in place of the present one, which stays ready until keep(). Nothing has changed if it
    /// fails. `ports` and `mode`: see Attachments::exchange().
    [[nodiscard]] netlink::Result<> replace(Datapath next, const Ports& ports, XdpMode mode);
    /// The present program is the one to stay.
    void keep();
    /// Puts the one before back.
    [[nodiscard]] netlink::Result<> restore();

    /// Takes all away: packets go as if there had been no balancer.
    [[nodiscard]] netlink::Result<> remove() { return pins_.remove(); }

  private:
    struct Placed {
        Datapath datapath;
        Generation generation;
        Ports ports;  // that it was put in place at
        XdpMode mode;
    };

    [[nodiscard]] netlink::Result<Generation> pin(Datapath& next);

    Pins pins_;
    Attachments attachments_{pins_};
    std::optional<Generation> generation_;
    Datapath datapath_;
    std::optional<Placed> former_;  // until it is sure that it is not needed again
    Own own_;
    lb_unfinished unfinished_{};
    bool takes_any_mac_ = false;  // was said
};

}  // namespace culvert::lbd
