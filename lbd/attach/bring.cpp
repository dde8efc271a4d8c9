// SPDX-License-Identifier: Apache-2.0
#include "lbd/attach/bring.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace culvert::lbd {
namespace {

using netlink::Result;

class Bringer {
  public:
    Bringer(const Pins& pins, Look look, Datapath& program, XdpMode mode, AllFailed failed)
        : pins_(pins), look_(std::move(look)), program_(program), mode_(mode) {
        brought_.failed = std::move(failed);
    }

    /// Works in rounds, as a driver's limits show only when the program is attached or runs. In each round a port
    /// reaches its mode or fails, until all are done.
    Result<Brought> run(const Ports& ports) && {
        TRY(const std::uint32_t id, program_.program_id());
        const std::size_t most_rounds = 3 * ports.size() + 3;
        bool is_done = false;
        for (std::size_t round = 0; round < most_rounds && !is_done; ++round) {
            TRY(const PortsPlan plan, plan_for(ports, id));
            is_done = carry_out(plan, ports);
        }
        return std::move(brought_);
    }

  private:
    Result<PortsPlan> plan_for(const Ports& ports, std::uint32_t id) {
        TRY(auto found, look_.judge(ports, id));
        brought_.gone.clear();
        for (const auto& [index, link] : ports)
            if (std::ranges::find(found, index, &Port::ifindex) == found.end()) brought_.gone.push_back(index);
        for (Port& port : found)
            if (const Failed* failed = has_failed(port.ifindex, XdpMode::native)) port.lacks = failed->error;
        return plan_ports(found, mode_);
    }

    bool carry_out(const PortsPlan& plan, const Ports& ports) {
        // What made the ports generic may be over in the next round: they stay generic, and the reason is still this
        // one.
        if (plan.why || plan.mode == XdpMode::native) brought_.why = plan.why;
        brought_.refused = plan.refused;
        brought_.attached.clear();
        bool is_done = true;
        for (const PortPlan& port : plan.ports) {
            if (const Failed* failed = port.is_done ? nullptr : has_failed(port.ifindex, plan.mode)) {
                leave(port, ports.at(port.ifindex), failed->error);
                continue;
            }
            if (!port.is_done) {
                is_done = false;
                if (!put(port, ports.at(port.ifindex))) continue;
            }
            brought_.attached.push_back(attached(port, ports.at(port.ifindex)));
        }
        return is_done;
    }

    [[nodiscard]] const Failed* has_failed(std::uint32_t ifindex, XdpMode mode) const {
        const auto found = brought_.failed.find(ifindex);
        return found != brought_.failed.end() && found->second.mode == mode ? &found->second : nullptr;
    }

    /// Under the name that lbd knows. The kernel may have another one already, whose event has not been read yet.
    static Attachment attached(const PortPlan& port, const netlink::Link& known) {
        return {.ifindex = port.ifindex, .name = known.name, .mode = port.mode};
    }

    /// The port stays as it is, maybe with an earlier program.
    void leave(const PortPlan& port, const netlink::Link& known, const netlink::Error& error) {
        if (port.mode == XdpMode::generic) brought_.refused.push_back(error);
        if (!pins_.link(port.ifindex)) return;
        brought_.stuck = error;
        brought_.attached.push_back(attached(port, known));
    }

    bool put(const PortPlan& port, const netlink::Link& link) {
        const bool was_ours = pins_.link(port.ifindex).has_value();
        if (port.leaves_mode) {
            spdlog::warn(port.name + ": the XDP mode changes: for a moment its packets are not balanced");
            (void)program_.detach(pins_, port.ifindex);
        }
        const auto done = program_.attach(pins_, port.ifindex, port.name, port.mode);
        if (done && !was_ours) brought_.put.push_back(port.ifindex);
        if (done) return true;
        brought_.failed.insert_or_assign(
            port.ifindex, Failed{.link = link,
                                 .mode = port.mode,
                                 .error = look_.why(program_.program(), port.ifindex, port.mode, done.error().code),
                                 .at = std::chrono::steady_clock::now()});
        return false;
    }

    const Pins& pins_;
    Look look_;
    Datapath& program_;
    XdpMode mode_;
    Brought brought_;
};

}  // namespace

Result<Brought> bring(const Pins& pins, Datapath& program, const Ports& ports, XdpMode mode, AllFailed failed) {
    pins.forget_detached();
    TRY(auto look, Look::open(pins));
    return Bringer(pins, std::move(look), program, mode, std::move(failed)).run(ports);
}

}  // namespace culvert::lbd
