// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "netlink/result.hpp"

namespace culvert::lbd {

/// The program `answer` at the ingress of an interface (tc), at most as long as this object lives.
class AnswerTap {
  public:
    explicit AnswerTap(std::uint32_t ifindex);
    AnswerTap(AnswerTap&& other) noexcept;
    AnswerTap& operator=(AnswerTap&& other) noexcept;
    ~AnswerTap();

    [[nodiscard]] std::uint32_t ifindex() const { return ifindex_; }
    /// Replaces the program that is attached, without a gap. `name`: of the interface.
    [[nodiscard]] netlink::Result<> attach(int program, const std::string& name);
    /// False before attach(), and when somebody has removed the filter.
    [[nodiscard]] bool is_attached() const;

  private:
    [[nodiscard]] netlink::Result<> add(int program, const std::string& name);

    std::uint32_t ifindex_;  // 0: moved from
    std::uint32_t handle_;
};

/// The priority of our filter among those of an interface.
inline constexpr std::uint32_t answer_priority = 0x6375;
/// The priority of a filter that sees packets before ours; nothing if ours is the first.
[[nodiscard]] netlink::Result<std::optional<std::uint32_t>> earlier_priority(std::uint32_t ifindex);

/// Removes the filters that a killed process left on the interfaces of this network namespace.
[[nodiscard]] netlink::Result<> remove_answer_taps();

}  // namespace culvert::lbd
