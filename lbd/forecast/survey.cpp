// SPDX-License-Identifier: Apache-2.0
#include "lbd/forecast/survey.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace culvert::lbd {

using namespace std::chrono_literals;

void Survey::begin(const ClusterStatus& status, std::vector<PeerQuestion> questions, std::size_t turnovers,
                   Clock::time_point now) {
    questions_ = std::move(questions);
    peers_.clear();
    waiting_.clear();
    // A late answer to a former question must not be taken for one to these.
    for (PeerQuestion& question : questions_) question.message.number = ++numbers_;
    const PeerForecast::Of unasked{.missing = "too much to ask", .count = {}};
    for (const PeerStatus& peer : status.peers) {
        peers_.push_back(
            {.address = peer.address, .name = peer.name, .missing = {}, .of = std::vector(turnovers, unasked)});
        if (!questions_.empty())
            waiting_.push_back({.peer = peers_.size() - 1, .question = 0, .deadline = now + time_to_answer});
    }
    for (const Waiting& one : std::vector(waiting_)) ask(one);
}

void Survey::ask(const Waiting& waiting) {
    const std::size_t peer = waiting.peer;
    auto why_not = ask_(peers_[peer].address, questions_[waiting.question].message);
    if (why_not) miss(peer, *std::move(why_not));
}

void Survey::miss(std::size_t peer, std::string why) {
    peers_[peer].missing = std::move(why);
    std::erase_if(waiting_, [peer](const Waiting& one) { return one.peer == peer; });
}

void Survey::look(const ClusterStatus& status, Clock::time_point now) {
    for (const Waiting& one : std::vector(waiting_)) {
        const auto peer = std::ranges::find(status.peers, peers_[one.peer].address, &PeerStatus::address);
        if (peer == status.peers.end())
            miss(one.peer, "it is no peer any more");
        else if (peer->state == PeerStatus::State::away)
            miss(one.peer, "away: " + peer->reason);
        else if (now > one.deadline)
            miss(one.peer, fmt::format("it has not answered within {} s", time_to_answer / 1s));
    }
}

bool Survey::answered(const netlink::IpAddress& peer, const TurnoverAnswer& answer, Clock::time_point now) {
    const auto waiting =
        std::ranges::find_if(waiting_, [&](const Waiting& one) { return peers_[one.peer].address == peer; });
    if (waiting == waiting_.end()) return false;
    if (!take_answer(answer, questions_[waiting->question], peers_[waiting->peer])) return false;
    if (++waiting->question == questions_.size()) {
        waiting_.erase(waiting);
    } else {
        waiting->deadline = now + time_to_answer;
        ask(Waiting(*waiting));
    }
    return true;
}

}  // namespace culvert::lbd
