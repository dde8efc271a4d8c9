// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <utility>

#include <nlohmann/json_fwd.hpp>

#include "lbd/config/follower.hpp"
#include "lbd/config/source.hpp"
#include "lbd/control/control_protocol.hpp"
#include "lbd/control/request.hpp"
#include "lbd/forecast/forecaster.hpp"
#include "lbd/reload/balancer.hpp"

namespace culvert::lbd {

/// The running balancer's answers to commands.
class Handlers {
  public:
    /// `stop` ends the process; `detach`: also removes all that it has set up in the kernel.
    using Stop = std::function<void(bool detach)>;

    /// What the references refer to must outlive this. `open` opens another source than the follower's.
    Handlers(Balancer& balancer, ConfigFollower& follower, Forecaster& forecaster, OpenSource open, Stop stop)
        : balancer_(balancer),
          follower_(follower),
          forecaster_(forecaster),
          open_(std::move(open)),
          stop_(std::move(stop)) {}

    [[nodiscard]] Answer operator()(const nlohmann::ordered_json& json);

  private:
    using Json = nlohmann::ordered_json;

    [[nodiscard]] Answer answer(const ShowRequest& request);
    [[nodiscard]] Answer answer(const ReloadRequest& request);
    [[nodiscard]] Answer answer(const PlanRequest& request);
    [[nodiscard]] Answer answer(const DrainRequest& request);
    [[nodiscard]] Answer answer(const UndrainRequest& request);
    [[nodiscard]] Answer answer(const ExplainRequest& request);
    [[nodiscard]] Answer answer(const LeaveRequest& request);
    [[nodiscard]] Answer answer(const JoinRequest& request);
    [[nodiscard]] Answer answer(const StopRequest& request);

    Balancer& balancer_;
    ConfigFollower& follower_;
    Forecaster& forecaster_;
    OpenSource open_;
    Stop stop_;
};

}  // namespace culvert::lbd
