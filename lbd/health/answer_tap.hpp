// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "netlink/result.hpp"

namespace culvert::lbd {

/// The program `answer`, attached to the ingress of an interface (tc) as long as this object lives.
class AnswerTap {
  public:
    [[nodiscard]] static netlink::Result<AnswerTap> attach(int program, std::uint32_t ifindex, const std::string& name);
    AnswerTap(AnswerTap&& other) noexcept;
    AnswerTap& operator=(AnswerTap&& other) noexcept;
    ~AnswerTap();

    [[nodiscard]] std::uint32_t ifindex() const { return ifindex_; }
    /// Replaces the program without a gap. False if somebody has removed the filter.
    [[nodiscard]] bool replace(int program);

  private:
    AnswerTap(std::uint32_t ifindex, std::uint32_t handle) : ifindex_(ifindex), handle_(handle) {}

    std::uint32_t ifindex_;  // 0: moved from
    std::uint32_t handle_;
};

/// Removes the filters that a killed process left on the interfaces of this network namespace.
[[nodiscard]] netlink::Result<> remove_answer_taps();

}  // namespace culvert::lbd
