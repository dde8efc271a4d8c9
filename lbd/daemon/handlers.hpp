// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <utility>

#include <nlohmann/json_fwd.hpp>

#include "lbd/config/follower.hpp"
#include "lbd/control/control_protocol.hpp"
#include "lbd/control/request.hpp"
#include "lbd/reload/balancer.hpp"

namespace culvert::lbd {

/// The running balancer's answers to commands.
class Handlers {
  public:
    /// `stop` ends the process; `detach`: also removes all that it has set up in the kernel.
    using Stop = std::function<void(bool detach)>;

    /// `balancer` and `follower` must outlive this.
    Handlers(Balancer& balancer, ConfigFollower& follower, Stop stop)
        : balancer_(balancer), follower_(follower), stop_(std::move(stop)) {}

    [[nodiscard]] Answer operator()(const nlohmann::ordered_json& json);

  private:
    using Json = nlohmann::ordered_json;

    [[nodiscard]] Answer answer(const ShowRequest& request);
    [[nodiscard]] Answer answer(const ReloadRequest& request);
    [[nodiscard]] Answer answer(const DrainRequest& request);
    [[nodiscard]] Answer answer(const UndrainRequest& request);
    [[nodiscard]] Answer answer(const ExplainRequest& request);
    [[nodiscard]] Answer answer(const LeaveRequest& request);
    [[nodiscard]] Answer answer(const JoinRequest& request);
    [[nodiscard]] Answer answer(const StopRequest& request);

    Balancer& balancer_;
    ConfigFollower& follower_;
    Stop stop_;
};

}  // namespace culvert::lbd
