// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lbd/cluster/message.hpp"
#include "lbd/forecast/forecast.hpp"
#include "lbd/forecast/questions.hpp"
#include "lbd/model/cluster_status.hpp"

namespace culvert::lbd {

/// Asks all other balancers at the same time, each one question after the other, and collects their answers.
class Survey {
  public:
    using Clock = std::chrono::steady_clock;
    /// Sends a question, or says why it cannot.
    using Ask = std::function<std::optional<std::string>(const netlink::IpAddress& peer, const TurnoverQuestion&)>;

    /// For each question: many services take several.
    static constexpr std::chrono::seconds time_to_answer{10};

    explicit Survey(Ask ask) : ask_(std::move(ask)) {}

    /// Forgets the one before. `turnovers`: their number.
    void begin(const ClusterStatus& status, std::vector<PeerQuestion> questions, std::size_t turnovers,
               Clock::time_point now);
    /// False if nobody has asked that.
    bool answered(const netlink::IpAddress& peer, const TurnoverAnswer& answer, Clock::time_point now);
    /// Gives up those that are gone or do not answer.
    void look(const ClusterStatus& status, Clock::time_point now);
    [[nodiscard]] bool is_done() const { return waiting_.empty(); }
    /// What is known until now.
    [[nodiscard]] const std::vector<PeerForecast>& peers() const { return peers_; }

  private:
    struct Waiting {
        std::size_t peer = 0;      // index in peers_
        std::size_t question = 0;  // the one that was asked
        Clock::time_point deadline;
    };

    void ask(const Waiting& waiting);
    void miss(std::size_t peer, std::string why);

    Ask ask_;
    std::vector<PeerQuestion> questions_;
    std::vector<PeerForecast> peers_;
    std::vector<Waiting> waiting_;
    std::uint64_t numbers_ = 0;  // of questions until now
};

}  // namespace culvert::lbd
