// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "common/log.hpp"
#include "netlink/result.hpp"

namespace culvert::lbd {

/// Logs a repeated failure once, until it is over or has another cause.
class Complaint {
  public:
    /// `event` becomes the field EVENT of the log line, `consequence` its end.
    Complaint(std::string_view event, std::string_view consequence) : event_(event), consequence_(consequence) {}

    void take(const netlink::Result<>& outcome) {
        const std::string text = outcome ? std::string() : outcome.error().message();
        if (!text.empty() && text != last_)
            common::log_limited(spdlog::level::err, {{"EVENT", std::string(event_)}},
                                text + "; " + std::string(consequence_));
        last_ = text;
    }

  private:
    std::string_view event_;
    std::string_view consequence_;
    std::string last_;
};

}  // namespace culvert::lbd
