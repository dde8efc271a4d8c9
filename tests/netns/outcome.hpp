// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/netns/harness/process.hpp"

namespace culvert::netns {

/// What became of Traffic, by what a test has done meanwhile.
class Outcome {
  public:
    using Clock = std::chrono::steady_clock;

    /// Connections may change their balancer between these times.
    struct Move {
        std::string name;
        double begin, end;
    };

    [[nodiscard]] static double seconds(Clock::time_point time) {
        return std::chrono::duration<double>(time.time_since_epoch()).count();
    }

    void moved(const std::string& name, Clock::time_point begin, Clock::time_point end) {
        moves_.push_back({name, seconds(begin), seconds(end)});
    }
    void died(int backend) { deaths_[name(backend)].push_back({seconds(Clock::now())}); }
    void returned(int backend) { deaths_[name(backend)].back().returned = seconds(Clock::now()); }

    struct Result {
        std::vector<std::string> broken;              ///< all that nothing below excuses
        std::size_t begun = 0;                        ///< connections
        int of_the_dead = 0;                          ///< their own backend had died
        std::vector<std::string> young, young_pages;  ///< established in a move, or within a second before one
        std::size_t pages = 0;
        std::size_t slow_pages = 0;
        int datagrams = 0;
        int lost_datagrams = 0;  ///< without those to a dead backend
        double longest_gap = 0;  ///< between the first and the last lost datagram of a move
        std::string longest_move;
        double late = 0;  ///< how much later than it should the client has sent

        [[nodiscard]] std::string summary() const {
            return fmt::format(
                "{} connections: {} broken, {} of dead backends, {} young; {} pages: {} young ones broken, {} took "
                "more than 0.1 s; {} of {} datagrams lost, within {:.0f} ms{}; the client was up to {:.0f} ms late",
                begun, broken.size(), of_the_dead, young.size(), pages, young_pages.size(), slow_pages, lost_datagrams,
                datagrams, 1000 * longest_gap, longest_move.empty() ? "" : " as " + longest_move, 1000 * late);
        }
    };

    [[nodiscard]] Result of(const nlohmann::json& outcome) const {
        Result result;
        const auto& flows = outcome["flows"];
        const auto& requests = outcome["requests"];
        for (const auto& one : flows["broken"]) judge(one, result, result.young);
        for (const auto& one : flows["moved"]) judge(one, result, result.young);
        for (const auto& one : requests["broken"]) judge(one, result, result.young_pages);
        for (const auto* each : {&flows["stuck"], &requests["stuck"]})
            for (const auto& one : *each)
                if (!had_died(one[1], one[0], seconds(Clock::now()))) result.broken.push_back("stuck: " + one.dump());
        result.begun = flows["begun"];
        result.pages = requests["requests"];
        result.slow_pages = requests["slow"].size();
        result.datagrams = flows["datagrams"];
        result.late = flows["late"];
        std::map<const Move*, std::pair<double, double>> gaps;
        for (const auto& one : flows["lost"]) {
            const double when = one[0];
            if (had_died(one[1], when, when)) continue;
            ++result.lost_datagrams;
            for (const Move& move : moves_) {
                if (when < move.begin || when > move.end) continue;
                const auto gap = gaps.try_emplace(&move, when, when).first;
                gap->second.second = when;
                if (when - gap->second.first <= result.longest_gap) continue;
                result.longest_gap = when - gap->second.first;
                result.longest_move = move.name;
            }
        }
        return result;
    }

  private:
    struct Death {
        double died;
        double returned = std::numeric_limits<double>::infinity();
    };

    [[nodiscard]] static std::string name(int backend) { return "b" + std::to_string(backend); }

    /// A death excuses what has begun before the return, whenever that ends.
    [[nodiscard]] bool had_died(const nlohmann::json& backend, double begun, double end) const {
        if (!backend.is_string()) return false;
        const auto deaths = deaths_.find(backend);
        return deaths != deaths_.end() && std::ranges::any_of(deaths->second, [&](const Death& death) {
                   return begun < death.returned && end > death.died - 0.1;
               });
    }

    /// `one`: when it was established, when it ended, its backend, why.
    void judge(const nlohmann::json& one, Result& result, std::vector<std::string>& young) const {
        const double begun = one[0], end = one[1];
        const bool is_young = std::ranges::any_of(
            moves_, [&](const Move& move) { return begun > move.begin - 1 && begun < move.end && end > move.begin; });
        if (had_died(one[2], begun, end))
            ++result.of_the_dead;
        else
            (is_young ? young : result.broken).push_back(one.dump() + when(begun));
    }

    [[nodiscard]] std::string when(double begun) const {
        std::string text = " begun at 0";
        for (const Move& move : moves_)
            text += fmt::format(", {} at {:.3f} to {:.3f}", move.name, move.begin - begun, move.end - begun);
        return text;
    }

    std::vector<Move> moves_;
    std::map<std::string, std::vector<Death>> deaths_;
};

/// No connection is broken but a few of those that began as another one took over.
inline void expect_kept(const Outcome::Result& result) {
    testing::Test::RecordProperty("outcome", result.summary());
    std::cout << result.summary() << "\n";
    for (const auto* young : {&result.young, &result.young_pages})
        for (const std::string& one : *young) std::cout << "young: " << one << "\n";
    EXPECT_THAT(result.broken, testing::IsEmpty()) << result.summary();
    // On an emulated processor others get to know of a connection some tenths of a second after it has begun.
    constexpr std::size_t few = 20;
    const std::size_t most = is_emulated ? result.begun / 50 : few;
    const std::size_t most_pages = is_emulated ? result.pages / 50 : few - std::min(few, result.young.size());
    EXPECT_LE(result.young.size(), most) << testing::PrintToString(result.young);
    EXPECT_LE(result.young_pages.size(), most_pages) << testing::PrintToString(result.young_pages);
    EXPECT_GT(result.pages, is_emulated ? 20 : 100) << result.summary();
}

}  // namespace culvert::netns
