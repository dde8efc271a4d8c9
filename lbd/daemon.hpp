// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/event_loop.hpp"
#include "lbd/control.hpp"
#include "lbd/datapath/datapath.hpp"
#include "lbd/metrics/server.hpp"
#include "lbd/next_hop/resolver.hpp"
#include "lbd/plan/plan.hpp"
#include "lbd/show/observe.hpp"
#include "lbd/state.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

using common::EventLoop;

/// The balancer as a process: it brings the kernel's maps to what the configuration wants, keeps them so while the
/// network changes, and answers the commands.
class Daemon {
  public:
    /// Makes everything ready, up to the loaded program. No packet is balanced yet.
    [[nodiscard]] static netlink::Result<std::unique_ptr<Daemon>> prepare(Config config);

    /// Balances until SIGTERM or SIGINT, and leaves nothing behind. `socket` is where commands reach it.
    [[nodiscard]] netlink::Result<> run(const std::string& socket);

  private:
    Daemon(Config config, EventLoop loop, Resolver resolver, Surroundings around, Datapath datapath, Limits limits);

    [[nodiscard]] netlink::Result<> listen(const std::string& socket);
    /// Without them it balances all the same.
    void serve_metrics();
    /// The first time, when the backends are resolved or have had time to be.
    void begin_to_balance();
    [[nodiscard]] netlink::Result<> attach();
    /// Native, unless the configuration or the driver wants it otherwise. Returns the mode.
    [[nodiscard]] netlink::Result<XdpMode> attach_to(const netlink::Link& link);
    void end(netlink::Result<> outcome);

    void take_in_changes();
    void update();
    /// Has the program compiled to what is around the balancer now.
    [[nodiscard]] netlink::Result<> adapt_program();
    /// Brings the maps to what the configuration and the hops ask for.
    [[nodiscard]] netlink::Result<> realize();
    void expire_some_flows();
    void report(const Hops& before) const;

    using Json = nlohmann::ordered_json;
    /// By the request's "command", from the table in requests.cpp.
    [[nodiscard]] Control::Answer answer(const Json& request);
    [[nodiscard]] Control::Answer show(const Json& request);

    const Config config_;
    EventLoop loop_;
    Resolver resolver_;
    Surroundings around_;  // that the program is compiled to
    Datapath datapath_;
    const Limits limits_;

    Hops hops_;
    Image image_;
    IdleTimes idle_times_;
    std::vector<Attachment> attachments_;  // empty until it balances
    std::size_t swept_ = 0;                // buckets of the flow table, in this round
    netlink::Result<> outcome_;

    std::unique_ptr<Control> control_;
    std::unique_ptr<MetricsServer> metrics_;
    std::vector<EventLoop::Source> sources_;
    EventLoop::Source last_moment_;  // to begin, whoever is not resolved yet
    EventLoop::Source next_update_;
    EventLoop::Source next_sweep_;
};

}  // namespace culvert::lbd
