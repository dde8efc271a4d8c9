// SPDX-License-Identifier: Apache-2.0
#include "lbd/forecast/questions.hpp"

#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <utility>

namespace culvert::lbd {
namespace {

using Rule = Turnover::Rule;
using Bits = std::shared_ptr<const std::vector<bool>>;
using About = TurnoverQuestion::About;

constexpr std::size_t enough_bytes = most_message_bytes / 4;
constexpr std::size_t most_bytes = most_message_bytes / 2;  // of one part: it fits behind enough

/// What services have in common that change alike.
using Alike = std::tuple<std::uint64_t, std::uint32_t, Bits, SharedNames, Rule, bool>;

About about(const Alike& alike) {
    const auto& [table, slots, changes, lost, rule, by_client] = alike;
    return {.services = {},
            .table = table,
            .slots = slots,
            .changes = changes ? *changes : std::vector<bool>(),
            .lost = {lost.begin(), lost.end()},
            .follows_table = rule == Rule::table,
            .by_client = by_client};
}

std::size_t size_of(const About& about) {
    std::size_t size = sizeof about + about.changes.size() / 8;
    for (const std::string& name : about.lost) size += sizeof(std::uint16_t) + name.size();
    return size;
}

std::string text_of(TurnoverAnswer::State state) {
    switch (state) {
        case TurnoverAnswer::State::counted:
            return {};
        case TurnoverAnswer::State::no_service:
            return "no such service there";
        case TurnoverAnswer::State::other_table:
            return "another table there, see lbd show cluster";
    }
    return {};
}

}  // namespace

std::vector<PeerQuestion> questions_about(const std::vector<Turnover>& turnovers,
                                          const std::function<std::uint64_t(const std::string&)>& table) {
    std::map<Alike, std::vector<std::size_t>> alike;
    for (std::size_t index = 0; index < turnovers.size(); ++index) {
        const Turnover& one = turnovers[index];
        if (one.rule == Rule::stays || one.rule == Rule::table)
            alike[{table(one.service), one.slots, one.changes, one.lost, one.rule, one.by_client}].push_back(index);
    }
    std::vector<PeerQuestion> questions;
    std::size_t bytes = enough_bytes;
    for (const auto& [key, indexes] : alike) {
        const About part = about(key);
        if (size_of(part) > most_bytes) continue;
        bool is_in_last = false;
        for (const std::size_t index : indexes) {
            if (bytes >= enough_bytes || questions.back().of.size() == most_asked) {
                questions.emplace_back();
                bytes = 0;
                is_in_last = false;
            }
            PeerQuestion& last = questions.back();
            if (!std::exchange(is_in_last, true)) {
                last.message.about.push_back(part);
                bytes += size_of(part);
            }
            last.message.about.back().services.push_back(turnovers[index].service);
            last.of.push_back(index);
            bytes += sizeof(std::uint16_t) + turnovers[index].service.size();
        }
    }
    return questions;
}

std::vector<Turnover> turnovers_of(const TurnoverQuestion& question) {
    std::vector<Turnover> turnovers;
    for (const About& about : question.about) {
        const Bits changes = about.changes.empty() ? Bits() : std::make_shared<const std::vector<bool>>(about.changes);
        const SharedNames lost(std::set<std::string>(about.lost.begin(), about.lost.end()));
        for (const std::string& service : about.services)
            turnovers.push_back({.service = service,
                                 .slots = about.slots,
                                 .changes = changes,
                                 .lost = lost,
                                 .rule = about.follows_table ? Rule::table : Rule::stays,
                                 .by_client = about.by_client});
    }
    return turnovers;
}

bool take_answer(const TurnoverAnswer& answer, const PeerQuestion& question, PeerForecast& peer) {
    if (answer.number != question.message.number || answer.of.size() != question.of.size()) return false;
    for (std::size_t i = 0; i < answer.of.size(); ++i)
        peer.of.at(question.of[i]) = {.missing = text_of(answer.of[i].state), .count = answer.of[i].count};
    return true;
}

}  // namespace culvert::lbd
