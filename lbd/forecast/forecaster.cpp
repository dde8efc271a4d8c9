// SPDX-License-Identifier: Apache-2.0
#include "lbd/forecast/forecaster.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "lbd/cluster/view.hpp"
#include "lbd/forecast/counter.hpp"
#include "lbd/plan/maglev.hpp"
#include "lbd/plan/turnover.hpp"
#include "lbd/reload/reload.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;
using namespace std::chrono_literals;

constexpr auto between_looks_at_flows = 2ms;
constexpr auto between_looks = 20ms;  // whether peers have answered
constexpr auto time_to_answer = 10s;  // a question; many services take several

/// The tables of the next image; those that are there already are read from the maps.
class NextTables {
  public:
    NextTables(const Image& present, const Image& next, const ImageMaps& maps)
        : present_(present), next_(next), maps_(maps) {}

    MaglevTable operator()(const TablePlace& place) {
        for (const auto& [digest, table] : next_.tables) {
            if (table.line != place.line || present_.tables.contains(digest)) continue;
            auto& made = made_[place.line];
            if (made.empty()) made = maglev_table(table.ring.contenders, table.ring.size);
            return made;
        }
        return maps_.ring(place.line, place.size);
    }

  private:
    const Image& present_;
    const Image& next_;
    const ImageMaps& maps_;
    std::map<std::uint32_t, std::vector<std::uint16_t>> made_;
};

}  // namespace

Result<> Forecaster::open(common::EventLoop& loop) {
    TRY(next_, loop.timer([this] { go_on(); }));
    return {};
}

void Forecaster::begin(Config written, Tell tell) {
    tell_ = std::move(tell);
    written_ = std::move(written);
    next_.arm(0ms);
}

void Forecaster::end(tl::expected<Forecast, std::string> result) {
    const Tell tell = std::exchange(tell_, {});
    census_.reset();
    waiting_.clear();
    tell(std::move(result));
}

void Forecaster::go_on() {
    if (!tell_) return;
    if (written_) {
        auto predicted = predict(*std::exchange(written_, {}));
        if (!predicted) return end(tl::unexpected(predicted.error().message()));
    }
    if (drafts_ != balancer_.reconciler.planner().drafts())
        return end(
            tl::unexpected(std::string("the configuration, or what lbd knows of the backends, has changed "
                                       "meanwhile: try again")));
    if (census_) {
        const auto is_done = census_->look(balancer_.program.datapath().flows(), balancer_.exchange);
        if (!is_done) return end(tl::unexpected(is_done.error().message()));
        if (!*is_done) return next_.arm(between_looks_at_flows);
        forecast_.here = census_->tally().counts();
        census_.reset();
    }
    miss_those_that_are_gone();
    if (waiting_.empty()) return end(std::move(forecast_));
    next_.arm(between_looks);
}

Result<> Forecaster::predict(Config written) {
    const Config before = balancer_.wanted.config;
    TRY(Reload::Intent intent, Reload(balancer_, std::move(written), balancer_.wanted.drains).intent());
    const Image& present = balancer_.image();
    Image next = present;
    apply(std::move(intent.draft.patch), next);
    const ImageMaps& maps = balancer_.program.datapath().maps();
    const auto table = [&maps](const TablePlace& place) { return maps.ring(place.line, place.size); };
    forecast_ = {.changes = changes_between(before, intent.config),
                 .turnovers = turnovers({before.services, present, table},
                                        {intent.config.services, next, NextTables(present, next, maps)}, intent.change),
                 .here = {},
                 .balancer = {},
                 .peers = {}};
    census_ = census_of(forecast_.turnovers, balancer_);
    drafts_ = balancer_.reconciler.planner().drafts();
    ask_peers();
    return {};
}

void Forecaster::ask_peers() {
    waiting_.clear();
    if (!balancer_.mesh) return;
    const Services& services = balancer_.wanted.config.services;
    const Health health = balancer_.checks.health_for(services);
    std::map<std::string_view, const Service*> by_name;
    for (const Service& service : services) by_name.emplace(service.name, &service);
    questions_ = questions_about(forecast_.turnovers,
                                 [&](const std::string& name) { return table_digest(*by_name.at(name), health); });
    // A late answer to a former question must not be taken for one to these.
    for (PeerQuestion& question : questions_) question.message.number = ++numbers_;
    const ClusterStatus status = balancer_.mesh->status();
    forecast_.balancer = status.name;
    const PeerForecast::Of unasked{.missing = "too much to ask", .count = {}};
    for (const PeerStatus& peer : status.peers) {
        forecast_.peers.push_back({.address = peer.address,
                                   .name = peer.name,
                                   .missing = {},
                                   .of = std::vector(forecast_.turnovers.size(), unasked)});
        if (!questions_.empty())
            waiting_.push_back(
                {.peer = forecast_.peers.size() - 1, .question = 0, .deadline = Clock::now() + time_to_answer});
    }
    for (Waiting& one : std::vector(waiting_)) ask(one);
}

void Forecaster::ask(Waiting& waiting) {
    PeerForecast& peer = forecast_.peers[waiting.peer];
    auto why_not = balancer_.mesh->ask(peer.address, questions_[waiting.question].message);
    if (why_not) miss(waiting, *std::move(why_not));
}

void Forecaster::miss(Waiting& waiting, std::string why) {
    const std::size_t peer = waiting.peer;
    forecast_.peers[peer].missing = std::move(why);
    std::erase_if(waiting_, [peer](const Waiting& one) { return one.peer == peer; });
}

void Forecaster::miss_those_that_are_gone() {
    if (waiting_.empty()) return;
    const ClusterStatus status = balancer_.mesh ? balancer_.mesh->status() : ClusterStatus();
    const auto now = Clock::now();
    for (Waiting& one : std::vector(waiting_)) {
        const auto peer = std::ranges::find(status.peers, forecast_.peers[one.peer].address, &PeerStatus::address);
        if (peer == status.peers.end())
            miss(one, "it is no peer any more");
        else if (peer->state == PeerStatus::State::away)
            miss(one, "away: " + peer->reason);
        else if (now > one.deadline)
            miss(one, fmt::format("it has not answered within {} s", time_to_answer / 1s));
    }
}

void Forecaster::answered(const netlink::IpAddress& peer, const TurnoverAnswer& answer) {
    const auto waiting =
        std::ranges::find_if(waiting_, [&](const Waiting& one) { return forecast_.peers[one.peer].address == peer; });
    if (waiting == waiting_.end()) return;
    if (!take_answer(answer, questions_[waiting->question], forecast_.peers[waiting->peer])) return;
    if (++waiting->question == questions_.size()) {
        waiting_.erase(waiting);
    } else {
        waiting->deadline = Clock::now() + time_to_answer;
        ask(*waiting);
    }
    next_.arm(0ms);
}

}  // namespace culvert::lbd
