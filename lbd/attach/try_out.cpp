// SPDX-License-Identifier: Apache-2.0
#include "lbd/attach/try_out.hpp"

#include <bpf/bpf.h>
#include <linux/if_link.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "common/fd.hpp"
#include "lbd/attach/log.hpp"
#include "lbd/attach/plan.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;

/// The program is detached when the descriptor is closed, also when this process ends.
Result<common::Fd> run_for_a_moment(Look& look, int program, const PortPlan& port) {
    bpf_link_create_opts options{};
    options.sz = sizeof options;
    options.flags = port.mode == XdpMode::generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
    common::Fd link(::bpf_link_create(program, static_cast<int>(port.ifindex), BPF_XDP, &options));
    if (link.is_open()) return link;
    return tl::unexpected(look.why(program, port.ifindex, port.mode, errno));
}

/// Tries all ports of the plan.
Result<> run_all(Look& look, int program, const PortsPlan& plan) {
    std::vector<common::Fd> running;
    for (const PortPlan& port : plan.ports) {
        if (port.is_done || port.leaves_mode) continue;
        TRY(running.emplace_back(), run_for_a_moment(look, program, port));
    }
    return {};
}

}  // namespace

Result<> try_out(const Datapath& program, const Ports& ports, XdpMode mode) {
    TRY(const Pins pins, Pins::look());
    TRY(auto look, Look::open(pins));
    TRY(auto found, look.judge(ports, 0));
    for (Port& port : found) port.is_current = port.ours.has_value();
    PortsPlan plan = plan_ports(found, mode);
    if (!plan.refused.empty()) return tl::unexpected(std::move(plan.refused.front()));
    auto tried = run_all(look, program.passing_program(), plan);
    if (!tried && mode == XdpMode::automatic && plan.mode == XdpMode::native) {
        plan.why = tried.error();
        for (PortPlan& port : plan.ports) port.mode = XdpMode::generic;
        tried = run_all(look, program.passing_program(), plan);
    }
    if (plan.why) log_generic(*plan.why, plan.ports.size());
    return tried;
}

}  // namespace culvert::lbd
