// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lbd/cluster/message.hpp"
#include "lbd/forecast/forecast.hpp"
#include "lbd/model/turnover.hpp"

/// Between turnovers and messages. Values only.
namespace culvert::lbd {

/// A message, and which turnovers it asks about, in the order of its services.
struct PeerQuestion {
    TurnoverQuestion message;
    std::vector<std::size_t> of;
};
/// Each fits into a message. `table`: the digest of a service's table. What nobody can count is not asked, nor what
/// does not fit. Numbers are left at 0.
[[nodiscard]] std::vector<PeerQuestion> questions_about(const std::vector<Turnover>& turnovers,
                                                        const std::function<std::uint64_t(const std::string&)>& table);

/// The turnovers that a message asks about, one for each service.
[[nodiscard]] std::vector<Turnover> turnovers_of(const TurnoverQuestion& question);

/// Enters the answer to a question. False if it does not fit it.
[[nodiscard]] bool take_answer(const TurnoverAnswer& answer, const PeerQuestion& question, PeerForecast& peer);

}  // namespace culvert::lbd
