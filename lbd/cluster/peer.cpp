// SPDX-License-Identifier: Apache-2.0
#include "lbd/cluster/peer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "common/log.hpp"
#include "lbd/model/log_events.hpp"

namespace culvert::lbd {
namespace {

using common::log_limited;
using namespace std::chrono_literals;

constexpr auto shortest_pause = 250ms;
constexpr auto longest_pause = 1'000ms;         // who comes back must not forward for long without what others know
constexpr std::size_t most_disagreements = 32;  // that a status has

std::string quoted_name(const Hello& hello) { return hello.name.empty() ? "" : " (" + hello.name + ")"; }

std::shared_ptr<const std::string> message_of(const Message& message) {
    return std::make_shared<const std::string>(encode(message));
}

/// The longest time for which anything that the peer has said may still matter.
std::chrono::milliseconds time_to_count(const OwnViews& ours, const PeerViews& theirs) {
    auto longest = theirs.longest_idle();
    for (const auto& [name, view] : ours) longest = std::max(longest, view->idle);
    return longest;
}

/// For a peer that may know none.
std::vector<Views> all_of(const OwnViews& views) {
    std::vector<Views> parts{{.anew = true}};
    for (const auto& [name, view] : views) {
        if (parts.back().views.size() == most_views) parts.emplace_back();
        parts.back().views.push_back({.service = name,
                                      .table = view->table,
                                      .whole = view->whole,
                                      .idle = static_cast<std::uint64_t>(view->idle.count())});
    }
    parts.back().whole = true;
    return parts;
}

}  // namespace

Peer::Peer(const netlink::IpAddress& address, const OwnSide& own)
    : address_(address), own_(own), pause_(shortest_pause) {
    // Both ends try. Some difference in time makes two connections at once rare.
    next_try_ = Clock::now() + std::chrono::milliseconds(random_() % 300);
}

bool Peer::takes_turn(Clock::time_point now) {
    if (is_self_ || channel_ != nullptr || now < next_try_) return false;
    const auto jitter = std::chrono::milliseconds(random_() % static_cast<unsigned>(pause_.count()));
    next_try_ = now + pause_ + jitter;
    pause_ = std::min<std::chrono::milliseconds>(2 * pause_, longest_pause);
    return true;
}

void Peer::set_state(PeerStatus::State state, Clock::time_point now) {
    state_ = state;
    since_ = now;
}

void Peer::use(Channel& channel, const Hello& hello, Clock::time_point now) {
    if (channel_ == nullptr)
        log_limited(spdlog::level::info,
                    {{"EVENT", log_event("peer_up")}, {"PEER", address_.to_string()}, {"NAME", hello.name}},
                    fmt::format("balancer {}{} is connected", address_.to_string(), quoted_name(hello)));
    count_bytes();
    // A new process was there before the end of the former one was noticed: it knows nothing of what that has told.
    if (channel_ != nullptr && hello.instance != hello_.instance && own_.calls.gone) own_.calls.gone(address_);
    channel_ = &channel;
    hello_ = hello;
    reason_.clear();
    ++counts_.connections;
    set_state(PeerStatus::State::joining, now);
    channel.accept_messages_up_to(most_message_bytes);
    answers_.clear();
    disagreements_.drop_question();
    disagreements_.compare(own_.hello, hello_, now);
    said_all_ = false;
    pinged_ = {};
    for (const Views& part : all_of(own_.views)) channel.send(part);
    everything_ = own_.calls.all ? own_.calls.all() : MeshCalls::Everything();
    say_more();
}

/// The present connection is about to be a former one.
void Peer::count_bytes() {
    if (channel_ == nullptr) return;
    former_bytes_in_ += channel_->bytes().in;
    former_bytes_out_ += channel_->bytes().out;
}

void Peer::lost(const std::string& reason, Clock::time_point now) {
    if (channel_ == nullptr) return;
    log_limited(
        spdlog::level::warn,
        {{"EVENT", log_event("peer_down")}, {"PEER", address_.to_string()}, {"NAME", hello_.name}, {"REASON", reason}},
        fmt::format("balancer {}{} is gone: {}", address_.to_string(), quoted_name(hello_), reason));
    count_bytes();
    channel_ = nullptr;
    reason_ = reason;
    counts_until_ = now + time_to_count(own_.views, views_);
    everything_ = {};
    answers_.clear();
    disagreements_.drop_question();
    round_trip_.reset();
    if (own_.calls.gone) own_.calls.gone(address_);
    if (now - since_ > longest_pause) pause_ = shortest_pause;
    next_try_ = now + std::chrono::milliseconds(random_() % static_cast<unsigned>(pause_.count()));
    set_state(PeerStatus::State::away, now);
}

std::optional<std::string> Peer::received(const Message& message, Clock::time_point now) {
    if (const auto* views = std::get_if<Views>(&message)) return answer(*views, now);
    if (const auto* hello = std::get_if<Hello>(&message)) {
        hello_ = *hello;
        disagreements_.compare(own_.hello, hello_, now);
    }
    if (const auto* exceptions = std::get_if<Exceptions>(&message)) answer(*exceptions);
    if (const auto* lines = std::get_if<Lines>(&message)) disagreements_.take(*lines);
    if (const auto* ask = std::get_if<Ask>(&message)) answer(*ask);
    if (const auto* ping = std::get_if<Ping>(&message)) channel_->send(Pong{.number = ping->number});
    if (const auto* pong = std::get_if<Pong>(&message)) answer(*pong, now);
    if (const auto* bye = std::get_if<Bye>(&message)) return bye->reason;
    if (const auto* question = std::get_if<TurnoverQuestion>(&message))
        if (own_.calls.asked) own_.calls.asked(address_, *question);
    if (const auto* answer = std::get_if<TurnoverAnswer>(&message))
        if (own_.calls.answered) own_.calls.answered(address_, *answer);
    if (std::holds_alternative<AllSent>(message)) {
        has_sent_all_ = true;
        set_state(PeerStatus::State::up, now);
    }
    return std::nullopt;
}

std::optional<std::string> Peer::answer(const Views& views, Clock::time_point now) {
    if (!views_.take(views)) return "it says that it has more services than there can be";
    if (views_.is_known()) disagreements_.compare(own_.views, views_, now);
    return std::nullopt;
}

void Peer::answer(const Exceptions& exceptions) {
    counts_.records_in += exceptions.moving.size() + exceptions.records.size();
    if (own_.calls.take) own_.calls.take(exceptions);
}

void Peer::answer(const Ask& ask) {
    const auto view = own_.views.find(ask.service);
    answers_.ask(ask.service, view == own_.views.end() ? nullptr : view->second);
    say_more();
}

void Peer::answer(const Pong& pong, Clock::time_point now) {
    if (pong.number == pings_) round_trip_ = std::chrono::duration_cast<std::chrono::microseconds>(now - pinged_);
}

void Peer::say_more() {
    while (channel_ != nullptr && channel_->waiting().bytes() < Channel::little_queued) {
        if (!answers_.empty()) {
            channel_->send(answers_.next());
            continue;
        }
        if (said_all_) return;
        const auto piece = everything_ ? everything_() : std::nullopt;
        if (!piece) {
            everything_ = {};
            said_all_ = true;
            channel_->send(AllSent{});
            continue;
        }
        for (const Exceptions& part : pieces_of(*piece))
            share(message_of(part), part.moving.size() + part.records.size());
    }
}

std::optional<std::string> Peer::tick(Clock::time_point now, Clock::duration late) {
    if (channel_ == nullptr) {
        if (views_.is_known() && now > counts_until_) {
            views_.forget();
            disagreements_.forget();
        }
        return std::nullopt;
    }
    const auto silence = now - channel_->heard();
    if (silence > longest_silence + late) return fmt::format("nothing was heard for {} s", silence / 1s);
    if (now - pinged_ >= ping_interval) {
        pinged_ = now;
        channel_->send(Ping{.number = ++pings_});
    }
    if (auto question = disagreements_.next_question(own_.views, now))
        channel_->send(Ask{.service = *std::move(question)});
    for (const Disagreement& one : disagreements_.take_warnings(now))
        log_limited(spdlog::level::warn,
                    {{"EVENT", log_event("peers_disagree")}, {"PEER", address_.to_string()}, {"SERVICE", one.service}},
                    text_of(one, address_.to_string()));
    return std::nullopt;
}

std::optional<std::string> Peer::ask(const TurnoverQuestion& question) {
    if (channel_ == nullptr) return "away: " + reason_;
    if (hello_.newest < version_of_turnovers) return fmt::format("its lbd {} does not know lbd plan", hello_.version);
    if (hello_.hash_key != own_.hello.hash_key) return "another key is in force there";
    channel_->send(question);
    return std::nullopt;
}

void Peer::share(const std::shared_ptr<const std::string>& message, std::size_t records) {
    if (channel_ == nullptr) return;
    counts_.records_out += records;
    channel_->send(message);
}

void Peer::introduce(Clock::time_point now) {
    if (channel_ == nullptr) return;
    channel_->send(own_.hello);
    disagreements_.compare(own_.hello, hello_, now);
}

void Peer::tell(const std::shared_ptr<const std::string>& message, Clock::time_point now) {
    if (channel_ != nullptr) channel_->send(message);
    if (views_.is_known()) disagreements_.compare(own_.views, views_, now);
}

PeerStatus Peer::status(Clock::time_point now) const {
    PeerStatus status = counts_;
    status.address = address_;
    status.state = state_;
    status.name = hello_.name;
    status.version = hello_.version;
    status.reason = reason_;
    status.since = std::chrono::duration_cast<std::chrono::seconds>(now - since_);
    status.round_trip = round_trip_;
    status.bytes_in = former_bytes_in_;
    status.bytes_out = former_bytes_out_;
    if (channel_ != nullptr) {
        status.bytes_in += channel_->bytes().in;
        status.bytes_out += channel_->bytes().out;
        status.queued = channel_->waiting().bytes();
        status.lag = std::chrono::duration_cast<std::chrono::milliseconds>(
            std::max(now - channel_->waiting().since(), Clock::duration{}));
    }
    status.disagreements = disagreements_.total();
    status.first_ones = disagreements_.first(most_disagreements);
    return status;
}

}  // namespace culvert::lbd
