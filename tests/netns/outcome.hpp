// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

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
    void died(int backend) { died_.emplace("b" + std::to_string(backend), seconds(Clock::now())); }

    struct Result {
        std::vector<std::string> broken;  ///< connections and pages, without those that follow
        std::size_t begun = 0;            ///< connections
        int of_the_dead = 0;              ///< their own backend had died
        std::vector<std::string> young;
        int pages = 0;
        int slow_pages = 0;
        int datagrams = 0;
        int lost_datagrams = 0;  ///< without those to a dead backend
        double longest_gap = 0;  ///< between the first and the last lost datagram of a move
        std::string longest_move;

        [[nodiscard]] std::string summary() const {
            return fmt::format(
                "{} connections: {} broken, {} of dead backends, {} young; {} pages, {} of them in more than 0.1 s; {} "
                "of "
                "{} datagrams lost, within {:.0f} ms{}",
                begun, broken.size(), of_the_dead, young.size(), pages, slow_pages, lost_datagrams, datagrams,
                1000 * longest_gap, longest_move.empty() ? "" : " as " + longest_move);
        }
    };

    [[nodiscard]] Result of(const nlohmann::json& outcome) const {
        Result result;
        const auto& flows = outcome["flows"];
        const auto& requests = outcome["requests"];
        for (const auto* each : {&flows["broken"], &requests["broken"]})
            for (const auto& one : *each) judge(one[0], one[1], one[2], one.dump(), result);
        for (const auto* each : {&flows["stuck"], &requests["stuck"]})
            for (const auto& one : *each)
                if (!is_dead(one[1], seconds(Clock::now()))) result.broken.push_back("stuck: " + one.dump());
        for (const auto& one : flows["moved"])
            if (std::ranges::none_of(one[1], [&](const auto& backend) { return is_dead(backend, one[0]); }))
                result.broken.push_back("UDP has moved: " + one.dump());
        result.begun = flows["begun"];
        result.pages = requests["requests"];
        result.slow_pages = static_cast<int>(requests["slow"].size());
        result.datagrams = flows["datagrams"];
        std::map<const Move*, std::pair<double, double>> gaps;
        for (const auto& one : flows["lost"]) {
            const double when = one[0];
            if (is_dead(one[1], when)) continue;
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
    [[nodiscard]] bool is_dead(const nlohmann::json& backend, double when) const {
        if (!backend.is_string()) return false;
        const auto died = died_.find(backend);
        return died != died_.end() && when > died->second - 0.1;
    }

    void judge(double begun, double end, const nlohmann::json& backend, const std::string& text, Result& result) const {
        const bool is_young = std::ranges::any_of(
            moves_, [&](const Move& move) { return begun > move.begin - 1 && begun < move.end && end > move.begin; });
        if (is_dead(backend, end))
            ++result.of_the_dead;
        else if (is_young)
            result.young.push_back(text);
        else
            result.broken.push_back(text + when(begun));
    }

    [[nodiscard]] std::string when(double begun) const {
        std::string text = " begun at 0";
        for (const Move& move : moves_)
            text += fmt::format(", {} at {:.3f} to {:.3f}", move.name, move.begin - begun, move.end - begun);
        return text;
    }

    std::vector<Move> moves_;
    std::map<std::string, double> died_;
};

}  // namespace culvert::netns
