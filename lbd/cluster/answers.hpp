// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "lbd/cluster/message.hpp"
#include "lbd/model/service_view.hpp"

namespace culvert::lbd {

/// The lines that a peer has asked for, a message at a time.
class Answers {
  public:
    /// `view`: of the service; null if we do not have it. A peer asks one question after the other.
    void ask(const std::string& service, std::shared_ptr<const ServiceView> view) {
        constexpr std::size_t most_questions = 64;
        if (waiting_.size() < most_questions) waiting_.push_back({std::move(view), service});
    }
    [[nodiscard]] bool empty() const { return waiting_.empty(); }
    void clear() { waiting_.clear(); }
    /// Not if it is empty.
    [[nodiscard]] Lines next();

  private:
    struct Answer {
        std::shared_ptr<const ServiceView> view;
        std::string service;
        std::size_t next = 0;  // line
    };
    std::deque<Answer> waiting_;
};

}  // namespace culvert::lbd
