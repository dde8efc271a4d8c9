// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "common/event_loop.hpp"
#include "lbd/metrics/connections.hpp"
#include "lbd/metrics/metrics.hpp"
#include "lbd/model/config.hpp"
#include "netlink/result.hpp"

struct MHD_Connection;
struct MHD_Daemon;

namespace culvert::lbd {

using common::EventLoop;

/// Answers GET /metrics and /metrics?by=service over HTTP, within the event loop and without waiting for anybody. 16
/// may be connected, each of which has 10 s to ask; four may read answers, for a minute each. For one more the slowest
/// has to go. An answer is written as it is read, in turn with all else that the loop does.
class MetricsServer {
  public:
    /// What to answer at that moment.
    using Text = std::function<netlink::Result<Exposition>(Detail)>;

    /// EADDRINUSE if someone listens there already, EADDRNOTAVAIL if it is no address of this host. `former`: the
    /// server that this one is to take the place of; their addresses may overlap, as 0.0.0.0 has all others.
    [[nodiscard]] static netlink::Result<std::unique_ptr<MetricsServer>> listen(EventLoop& loop, const Endpoint& at,
                                                                                Text text,
                                                                                const MetricsServer* former = nullptr);
    MetricsServer(const MetricsServer&) = delete;
    MetricsServer& operator=(const MetricsServer&) = delete;

  private:
    struct Stop {
        void operator()(MHD_Daemon* daemon) const;
    };
    struct Answers;
    class Body;

    explicit MetricsServer(Text text) : text_(std::move(text)) {}

    void serve();

    Text text_;
    std::size_t bodies_ = 0;  // being read
    Connections<MHD_Connection*> connections_;
    int socket_ = -1;  // the daemon's
    std::unique_ptr<MHD_Daemon, Stop> daemon_;
    EventLoop::Source io_;
    EventLoop::Source idle_;  // closes connections of the silent
};

}  // namespace culvert::lbd
