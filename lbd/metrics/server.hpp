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

/// Answers GET /metrics and /metrics?by=service over HTTP, in the event loop, and waits for nobody. There may be 64
/// connections, each with 10 s for a request. Four of them may read answers, each for a minute. To make room for
/// another, the slowest is closed. An answer is written while it is read, in turn with other work of the loop.
class MetricsServer {
  public:
    /// Called for each request; returns the answer.
    using Text = std::function<netlink::Result<Exposition>(Detail)>;

    /// EADDRINUSE if somebody listens there already, EADDRNOTAVAIL if it is not an address of this host. `former`: the
    /// server to be replaced. Its address may overlap, as 0.0.0.0 overlaps with all others.
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
    std::size_t bodies_ = 0;  // bodies being read
    Connections<MHD_Connection*> connections_;
    int socket_ = -1;  // of the library
    std::unique_ptr<MHD_Daemon, Stop> daemon_;
    EventLoop::Source io_;
    EventLoop::Source idle_;  // closes idle connections
};

}  // namespace culvert::lbd
