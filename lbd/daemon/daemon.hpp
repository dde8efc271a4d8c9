// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/event_loop.hpp"
#include "lbd/config/follower.hpp"
#include "lbd/config/source.hpp"
#include "lbd/control/control.hpp"
#include "lbd/daemon/network_watch.hpp"
#include "lbd/daemon/sharer.hpp"
#include "lbd/daemon/sweeper.hpp"
#include "lbd/forecast/counter.hpp"
#include "lbd/forecast/forecaster.hpp"
#include "lbd/reload/balancer.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// The process `lbd run`: connects the parts with the event loop.
class Daemon {
  public:
    /// Prepares everything up to loading the program. No packet sees it yet. `config` was read from `source`; `open`
    /// opens others.
    [[nodiscard]] static netlink::Result<std::unique_ptr<Daemon>> prepare(Config config,
                                                                          std::unique_ptr<ConfigSource> source,
                                                                          OpenSource open);
    /// Whether run() would begin: the kernel accepts the configuration, and nothing that others left is in the way.
    /// Leaves nothing behind. While an lbd listens at `socket`, what only one can have is not tried.
    [[nodiscard]] static netlink::Result<> try_out(const Config& config, const std::string& socket);

    /// Balances until it is stopped. Unless the stop detaches, the pinned program goes on balancing, and the next lbd
    /// takes it over. `socket` is the path of the control socket.
    [[nodiscard]] netlink::Result<> run(const std::string& socket);

  private:
    /// Of the process.
    struct Loops {
        EventLoop all;
        EventLoop sharing;  ///< with other balancers: it goes on while a function of the other loop makes a slow call
    };

    Daemon(std::unique_ptr<Loops> loops, std::unique_ptr<Balancer> balancer, std::unique_ptr<ConfigSource> source,
           OpenSource open);

    [[nodiscard]] netlink::Result<> listen(const std::string& socket);
    [[nodiscard]] netlink::Result<> detach();

    std::unique_ptr<Loops> loops_;
    std::unique_ptr<Balancer> balancer_;
    ConfigFollower follower_;
    NetworkWatch network_watch_;
    Sweeper sweeper_;
    Sharer sharer_;
    Counter counter_;
    Forecaster forecaster_;
    OpenSource open_;
    std::unique_ptr<Control> control_;
    std::vector<EventLoop::Source> signals_;
    bool detach_ = false;  // when it stops
};

}  // namespace culvert::lbd
