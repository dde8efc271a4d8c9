// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "common/slow_call.hpp"
#include "lbd/attach/attachments.hpp"
#include "lbd/datapath/datapath.hpp"
#include "lbd/datapath/pins.hpp"
#include "lbd/model/image.hpp"
#include "lbd/model/surroundings.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// The pinned program that packets see, and where it runs. Another program can replace it without a gap.
class Program {
  public:
    /// `datapath` is not yet in use; `generation` is the one that packets see until then, if any. `slow`: see
    /// Datapath::load().
    Program(Pins pins, std::optional<Generation> generation, Datapath datapath,
            common::SlowCall slow = common::call_here);
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    [[nodiscard]] Datapath& datapath() { return datapath_; }
    [[nodiscard]] const Datapath& datapath() const { return datapath_; }
    [[nodiscard]] const Pins& pins() const { return pins_; }
    [[nodiscard]] Attachments& attachments() { return attachments_; }
    [[nodiscard]] const Attachments& attachments() const { return attachments_; }
    /// False until start(), unless an earlier lbd left a program.
    [[nodiscard]] bool is_there() const { return generation_.has_value(); }

    /// Loads a program that continues from the present one: see Datapath::load().
    [[nodiscard]] netlink::Result<Datapath> load(const Build& build) const {
        return Datapath::load(build, generation_, slow_);
    }

    /// Sets which frames are for this host, and how their checksums arrive.
    void tell(Own own, lb_unfinished unfinished);
    /// Pins the first program, and replaces the one that an earlier lbd left.
    [[nodiscard]] netlink::Result<> start();
    /// Replaces the present program by a loaded one. The present one stays ready until keep(). If this fails, nothing
    /// has changed. `ports` and `mode`: see Attachments::exchange(). `transitions`: of which packets have stored
    /// times of use while the next program was loaded.
    [[nodiscard]] netlink::Result<> replace(Datapath next, const Ports& ports, XdpMode mode,
                                            const std::map<std::uint32_t, Transition>& transitions);
    /// Drops the former program, so that restore() is no longer possible.
    void keep();
    /// Puts the former program back.
    [[nodiscard]] netlink::Result<> restore();

    /// Removes everything. Packets then go to the kernel as if there were no balancer.
    [[nodiscard]] netlink::Result<> remove() { return pins_.remove(); }

  private:
    struct Placed {
        Datapath datapath;
        Generation generation;
        Ports ports;  // the ports on which it was replaced
        XdpMode mode;
    };

    [[nodiscard]] netlink::Result<Generation> pin(Datapath& next);

    common::SlowCall slow_;
    Pins pins_;
    Attachments attachments_{pins_};
    std::optional<Generation> generation_;
    Datapath datapath_;
    std::optional<Placed> former_;  // until keep()
    Own own_;
    lb_unfinished unfinished_{};
    bool takes_any_mac_ = false;  // the warning was logged
};

}  // namespace culvert::lbd
