// SPDX-License-Identifier: Apache-2.0
#include "lbd/announce/announcer.hpp"

#include <fmt/format.h>
#include <linux/netlink.h>
#include <sys/epoll.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "common/log.hpp"
#include "lbd/announce/files.hpp"
#include "lbd/model/log_events.hpp"

namespace culvert::lbd {
namespace {

using netlink::Result;
using namespace std::chrono_literals;
using Clock = AnnouncePlan::Time::clock;

constexpr auto time_to_retry_routes = 1s;
constexpr auto time_between_looks_at_routes = 10s;  // a link that goes down takes IPv6 routes along without an event

}  // namespace

Announcer::Announcer(common::EventLoop& loop, const std::filesystem::path& socket)
    : loop_(loop), places_file_(places_file(socket)), left_file_(left_file(socket)) {}

Result<std::unique_ptr<Announcer>> Announcer::open(common::EventLoop& loop, const std::filesystem::path& socket) {
    std::unique_ptr<Announcer> announcer(new Announcer(loop, socket));
    TRY(announcer->places_, read_places(announcer->places_file_));
    TRY(announcer->wish_.left, read_left(announcer->left_file_));
    TRY(announcer->next_, loop.timer([self = announcer.get()] { self->update(); }));
    TRY(announcer->look_, loop.timer([self = announcer.get()] {
        self->look();
        self->look_.arm(time_between_looks_at_routes);
    }));
    if (announcer->places_.empty()) return announcer;
    CHECK_OK(announcer->open_kernel());
    TRY(const auto present, read_routes(announcer->kernel_->socket, announcer->places_));
    std::set<Vip> announced;
    for (const AnnouncedRoute& one : present) announced.insert(one.vip);
    announcer->plan_.adopt(announced, Clock::now());
    announcer->made_ = present;
    return announcer;
}

Result<> Announcer::open_kernel() {
    if (kernel_) return {};
    TRY(auto monitor, netlink::Monitor::open({netlink::Topic::routes}));
    TRY(auto socket, netlink::Socket::open(NETLINK_ROUTE));
    auto kernel = std::make_unique<Kernel>(Kernel{.socket = std::move(socket), .monitor = std::move(monitor)});
    TRY(events_, loop_.on_io(kernel->monitor.fd(), EPOLLIN, [this](std::uint32_t) { hear(); }));
    kernel_ = std::move(kernel);
    look_.arm(time_between_looks_at_routes);
    return {};
}

void Announcer::follow(const Config& config, Standings standings) {
    if (!config.announce && places_.empty() && !config_) return;
    config_ = config;
    standings_ = std::move(standings);
    update();
}

void Announcer::set_joined(bool joined) {
    if (std::exchange(wish_.joined, joined) != joined) update();
}

Result<> Announcer::leave() { return set_left(true); }
Result<> Announcer::join() { return set_left(false); }

Result<> Announcer::set_left(bool left) {
    CHECK_OK(write_left(left_file_, left));
    wish_.left = left;
    update();
    return {};
}

Result<> Announcer::end() {
    config_.reset();  // nothing is announced again until the process ends
    if (!places_.empty()) {
        CHECK_OK(open_kernel());
        TRY(const auto present, read_routes(kernel_->socket, places_));
        CHECK_OK(make(kernel_->socket, route_edits(present, {})));
        CHECK_OK(write_places(places_file_, {}));
    }
    return wish_.left ? write_left(left_file_, false) : Result<>{};
}

/// After a failure the descriptor is not watched, as the loop would spin.
void Announcer::hear() {
    const auto events = kernel_->monitor.read();
    if (!events) {
        events_ = {};
        kernel_.reset();
        is_made_ = false;
        next_.arm(time_to_retry_routes);
        return;
    }
    const auto concerns_us = [&](const netlink::Event& event) {
        if (std::holds_alternative<netlink::Overrun>(event)) return true;
        const auto* route = std::get_if<netlink::RouteChanged>(&event);
        return route != nullptr && is_ours(route->value, places_);
    };
    if (std::ranges::any_of(*events, concerns_us)) look();
}

void Announcer::look() {
    is_made_ = false;
    update();
}

void Announcer::update() {
    if (!config_) return;
    const auto now = Clock::now();
    plan_.follow(*config_, standings_, wish_, now);
    log_changes();
    const auto done = make_routes();
    const std::string text = done ? std::string() : done.error().message();
    if (!text.empty() && text != complaint_)
        common::log_limited(spdlog::level::err, {{"EVENT", log_event("not_announced")}}, text + "; lbd tries again");
    complaint_ = text;
    if (!done) next_.arm(time_to_retry_routes);
    if (const auto due = plan_.due())
        next_.arm(std::chrono::ceil<std::chrono::milliseconds>(std::max(*due - now, Clock::duration{})));
}

Result<> Announcer::make_routes() {
    AnnouncePlaces needed;
    AnnouncedRoutes wanted;
    if (config_->announce) {
        const AnnouncePlace place = place_of(*config_->announce);
        needed.insert(place);
        wanted = routes_for(plan_.announcements(Clock::now()), place);
    }
    if (is_made_ && made_ == wanted && places_ == needed) return {};
    is_made_ = false;
    AnnouncePlaces places = places_;
    places.insert(needed.begin(), needed.end());
    if (places.empty()) return {};
    CHECK_OK(open_kernel());
    if (places != places_) {
        CHECK_OK(write_places(places_file_, places));
        places_ = std::move(places);
    }
    TRY(const auto present, read_routes(kernel_->socket, places_));
    const RouteEdits edits = route_edits(present, wanted);
    log_repairs(edits);
    CHECK_OK(make(kernel_->socket, edits));
    made_ = wanted;
    if (needed != places_) {
        CHECK_OK(write_places(places_file_, needed));
        places_ = std::move(needed);
    }
    is_made_ = true;
    return {};
}

void Announcer::log_changes() const {
    for (const auto& [change, announced, why] : plan_.changes()) {
        const std::string vip = change.to_string();
        if (announced)
            common::log_limited(spdlog::level::info, {{"EVENT", log_event("announced")}, {"VIP", vip}, {"REASON", why}},
                                fmt::format("{} is announced: {}", vip, why));
        else
            common::log_limited(spdlog::level::warn, {{"EVENT", log_event("withdrawn")}, {"VIP", vip}, {"REASON", why}},
                                fmt::format("{} is withdrawn: {}", vip, why));
    }
}

/// What lbd has made and somebody else has changed.
void Announcer::log_repairs(const RouteEdits& edits) const {
    if (!made_) return;
    for (const AnnouncedRoute& one : edits.added)
        if (made_->contains(one))
            common::log_limited(spdlog::level::warn,
                                {{"EVENT", log_event("route_repaired")}, {"VIP", one.vip.to_string()}},
                                fmt::format("somebody removed the route by which {} is announced: lbd adds it again",
                                            one.vip.to_string()));
    for (const AnnouncedRoute& one : edits.removed)
        if (!made_->contains(one))
            common::log_limited(spdlog::level::warn,
                                {{"EVENT", log_event("route_repaired")}, {"VIP", one.vip.to_string()}},
                                fmt::format("somebody added a route to {} with lbd's protocol {}: lbd removes it",
                                            one.vip.to_string(), one.place.protocol));
}

Result<AnnouncementsStatus> Announcer::status() {
    AnnouncementsStatus status{.configured = config_ ? config_->announce : std::nullopt,
                               .left = wish_.left,
                               .vips = plan_.announcements(Clock::now())};
    if (!kernel_) return status;
    TRY(const auto present, read_routes(kernel_->socket, places_));
    for (Announcement& one : status.vips)
        one.announced = std::ranges::any_of(present, [&](const AnnouncedRoute& route) { return route.vip == one.vip; });
    return status;
}

}  // namespace culvert::lbd
