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

Forecaster::Forecaster(Balancer& balancer)
    : balancer_(balancer),
      survey_([this](const auto& peer, const TurnoverQuestion& question) -> std::optional<std::string> {
          return balancer_.mesh ? balancer_.mesh->ask(peer, question) : "it is no peer any more";
      }) {}

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
    survey_.look(balancer_.mesh ? balancer_.mesh->status() : ClusterStatus(), Survey::Clock::now());
    forecast_.peers = survey_.peers();
    if (survey_.is_done()) return end(std::move(forecast_));
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
    const ClusterStatus status = balancer_.mesh ? balancer_.mesh->status() : ClusterStatus();
    forecast_.balancer = status.name;
    const Services& services = balancer_.wanted.config.services;
    const Health health = balancer_.checks.health_for(services);
    std::map<std::string_view, const Service*> by_name;
    for (const Service& service : services) by_name.emplace(service.name, &service);
    auto questions = questions_about(forecast_.turnovers,
                                     [&](const std::string& name) { return table_digest(*by_name.at(name), health); });
    survey_.begin(status, std::move(questions), forecast_.turnovers.size(), Survey::Clock::now());
}

void Forecaster::answered(const netlink::IpAddress& peer, const TurnoverAnswer& answer) {
    if (tell_ && survey_.answered(peer, answer, Survey::Clock::now())) next_.arm(0ms);
}

}  // namespace culvert::lbd
