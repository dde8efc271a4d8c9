// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/event_loop.hpp"
#include "lbd/config/follower.hpp"
#include "lbd/config/source.hpp"
#include "lbd/control/control.hpp"
#include "lbd/control/request.hpp"
#include "lbd/daemon/complaint.hpp"
#include "lbd/model/log_events.hpp"
#include "lbd/reconcile/flow_sweep.hpp"
#include "lbd/reload/balancer.hpp"
#include "lbd/show/observe.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// The balancer as a process: it waits for what happens, and calls those whose business it is.
class Daemon {
  public:
    /// Makes everything ready, up to the loaded program. No packet sees it yet. `config` was read from `source`.
    [[nodiscard]] static netlink::Result<std::unique_ptr<Daemon>> prepare(Config config,
                                                                          std::unique_ptr<ConfigSource> source);
    /// Whether the kernel takes it. Leaves nothing behind.
    [[nodiscard]] static netlink::Result<> try_out(const Config& config);

    /// Balances until it is told to stop. What was pinned goes on to balance without it, and the next lbd takes it
    /// over, unless it was told to detach. `socket` is where commands reach it.
    [[nodiscard]] netlink::Result<> run(const std::string& socket);

  private:
    Daemon(EventLoop loop, std::unique_ptr<ConfigSource> source);

    [[nodiscard]] netlink::Result<> listen(const std::string& socket);
    [[nodiscard]] netlink::Result<> detach();

    void read_network();
    void update();
    void sweep();

    [[nodiscard]] netlink::Result<Status> observed(const Parts& parts) const;
    /// In its place, what is written and what operators have said beyond that.
    [[nodiscard]] netlink::Result<> adopt(Config written, Drains drains);

    using Json = nlohmann::ordered_json;
    [[nodiscard]] Answer answer(const Json& request);
    [[nodiscard]] Answer answer(const ShowRequest& request);
    [[nodiscard]] Answer answer(const ReloadRequest& request);
    [[nodiscard]] Answer answer(const DrainRequest& request);
    [[nodiscard]] Answer answer(const UndrainRequest& request);
    [[nodiscard]] Answer answer(const ExplainRequest& request);
    [[nodiscard]] Answer answer(const StopRequest& request);

    EventLoop loop_;
    ConfigFollower follower_;
    std::unique_ptr<Balancer> balancer_;
    FlowSweep flow_sweep_;
    Complaint not_read_{log_event("network_not_read"), "lbd tries it again"};
    Complaint not_seen_{log_event("not_adapted"), "lbd tries it again"};
    Complaint not_adapted_{log_event("not_adapted"), "lbd tries it again"};
    Complaint not_swept_{log_event("not_swept"), "idle flows stay"};
    bool detach_ = false;  // in the end

    std::unique_ptr<Control> control_;
    std::vector<EventLoop::Source> signals_;
    EventLoop::Source next_read_;  // after one that failed
    EventLoop::Source next_update_;
    EventLoop::Source next_sweep_;
    EventLoop::Source next_look_;
};

}  // namespace culvert::lbd
