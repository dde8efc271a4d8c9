// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "common/event_loop.hpp"
#include "lbd/cluster/message.hpp"
#include "lbd/forecast/census.hpp"
#include "lbd/forecast/forecast.hpp"
#include "lbd/forecast/questions.hpp"
#include "lbd/reload/balancer.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Says what a reload would do, without doing it: here, and as the other balancers say of themselves.
class Forecaster {
  public:
    using Clock = std::chrono::steady_clock;
    using Tell = std::function<void(tl::expected<Forecast, std::string>)>;

    /// `balancer` must outlive this.
    explicit Forecaster(Balancer& balancer) : balancer_(balancer) {}

    [[nodiscard]] netlink::Result<> open(common::EventLoop& loop);
    /// Tells what a reload with this configuration would do, or why it would fail. One at a time.
    void begin(Config written, Tell tell);
    [[nodiscard]] bool is_busy() const { return tell_ != nullptr; }
    /// For the mesh.
    void answered(const netlink::IpAddress& peer, const TurnoverAnswer& answer);

  private:
    struct Waiting {
        std::size_t peer = 0;      // index in the forecast
        std::size_t question = 0;  // the one that was asked
        Clock::time_point deadline;
    };

    [[nodiscard]] netlink::Result<> predict(Config written);
    void go_on();
    void ask_peers();
    void ask(Waiting& waiting);
    void miss(Waiting& waiting, std::string why);
    void miss_those_that_are_gone();
    void end(tl::expected<Forecast, std::string> result);

    Balancer& balancer_;
    common::EventLoop::Source next_;
    Tell tell_;  // null: nobody waits
    std::optional<Config> written_;
    std::uint64_t drafts_ = 0;  // Planner::drafts() that the forecast starts from
    Forecast forecast_;
    std::optional<Census> census_;  // until it is done
    std::vector<PeerQuestion> questions_;
    std::vector<Waiting> waiting_;
    std::uint64_t numbers_ = 0;  // of questions until now
};

}  // namespace culvert::lbd
