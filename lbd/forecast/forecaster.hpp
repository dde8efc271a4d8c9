// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "common/event_loop.hpp"
#include "lbd/cluster/message.hpp"
#include "lbd/forecast/census.hpp"
#include "lbd/forecast/forecast.hpp"
#include "lbd/forecast/survey.hpp"
#include "lbd/reload/balancer.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Says what a reload would do, without doing it: here, and as the other balancers say of themselves.
class Forecaster {
  public:
    using Tell = std::function<void(tl::expected<Forecast, std::string>)>;

    /// `balancer` must outlive this.
    explicit Forecaster(Balancer& balancer);

    [[nodiscard]] netlink::Result<> open(common::EventLoop& loop);
    /// Tells what a reload with this configuration would do, or why it would fail. One at a time.
    void begin(Config written, Tell tell);
    [[nodiscard]] bool is_busy() const { return tell_ != nullptr; }
    /// For the mesh.
    void answered(const netlink::IpAddress& peer, const TurnoverAnswer& answer);

  private:
    [[nodiscard]] netlink::Result<> predict(Config written);
    void go_on();
    void ask_peers();
    void end(tl::expected<Forecast, std::string> result);

    Balancer& balancer_;
    common::EventLoop::Source next_;
    Tell tell_;  // null: nobody waits
    std::optional<Config> written_;
    std::uint64_t drafts_ = 0;  // Planner::drafts() that the forecast starts from
    Forecast forecast_;
    std::optional<Census> census_;  // until it is done
    Survey survey_;
};

}  // namespace culvert::lbd
