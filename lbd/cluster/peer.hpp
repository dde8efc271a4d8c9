// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "lbd/cluster/answers.hpp"
#include "lbd/cluster/channel.hpp"
#include "lbd/cluster/disagreements.hpp"
#include "lbd/cluster/mesh.hpp"
#include "lbd/cluster/message.hpp"
#include "lbd/cluster/peer_views.hpp"
#include "lbd/model/cluster_status.hpp"

namespace culvert::lbd {

/// What this balancer says to all peers.
struct OwnSide {
    Hello hello;  ///< without the address, which may depend on the peer
    OwnViews views;
    MeshCalls calls;
};

/// Another balancer: the connection with it that both have chosen, what is said there, and when the next is tried.
class Peer {
  public:
    using Clock = std::chrono::steady_clock;

    static constexpr std::chrono::seconds ping_interval{1};
    static constexpr std::chrono::seconds longest_silence{3};

    Peer(const netlink::IpAddress& address, const OwnSide& own);

    [[nodiscard]] const netlink::IpAddress& address() const { return address_; }
    /// The address is one of this balancer.
    [[nodiscard]] bool is_self() const { return is_self_; }
    void set_self(bool is_self) { is_self_ = is_self; }

    /// Whether it is time to try to connect. The next time is set.
    [[nodiscard]] bool takes_turn(Clock::time_point now);
    /// A connection could not be made.
    void failed(const std::string& reason) { reason_ = reason; }

    /// From now on this connection is used.
    void use(Channel& channel, const Hello& hello, Clock::time_point now);
    [[nodiscard]] Channel* channel() const { return channel_; }
    /// The connection has ended.
    void lost(const std::string& reason, Clock::time_point now);
    /// Why the connection must end, if it must.
    [[nodiscard]] std::optional<std::string> received(const Message& message, Clock::time_point now);
    /// What is left to be said, as far as there is room.
    void say_more();
    /// Call often. `late`: how much too late this is. Why the connection must end, if it must.
    [[nodiscard]] std::optional<std::string> tick(Clock::time_point now, Clock::duration late);

    /// Why it cannot answer, if it cannot.
    [[nodiscard]] std::optional<std::string> ask(const TurnoverQuestion& question);
    void share(const std::shared_ptr<const std::string>& message, std::size_t records);
    /// What we say of ourselves has changed.
    void introduce(Clock::time_point now);
    /// Our views have changed, by this message.
    void tell(const std::shared_ptr<const std::string>& message, Clock::time_point now);

    /// Once, on any connection.
    [[nodiscard]] bool has_sent_all() const { return has_sent_all_; }
    /// Of the peer; nothing if it is not known whether it has the service.
    [[nodiscard]] const Views::View* view(const std::string& service) const { return views_.find(service); }
    [[nodiscard]] PeerStatus status(Clock::time_point now) const;

  private:
    std::optional<std::string> answer(const Views& views, Clock::time_point now);
    void answer(const Exceptions& exceptions);
    void answer(const Ask& ask);
    void answer(const Pong& pong, Clock::time_point now);
    void count_bytes();
    void set_state(PeerStatus::State state, Clock::time_point now);

    netlink::IpAddress address_;
    const OwnSide& own_;
    bool is_self_ = false;

    Channel* channel_ = nullptr;
    PeerStatus::State state_ = PeerStatus::State::away;
    Clock::time_point since_ = Clock::now();
    std::string reason_ = "not connected yet";
    Hello hello_;  // empty: it was never connected
    PeerViews views_;
    Clock::time_point counts_until_;  // what was said on a connection that has ended
    Disagreements disagreements_;

    MeshCalls::Everything everything_;  // the rest of what it gets as it has connected
    bool said_all_ = false;
    bool has_sent_all_ = false;
    Answers answers_;  // to its questions

    Clock::time_point next_try_;
    std::chrono::milliseconds pause_;
    std::minstd_rand random_{std::random_device{}()};

    Clock::time_point pinged_;
    std::uint64_t pings_ = 0;
    std::optional<std::chrono::microseconds> round_trip_;
    PeerStatus counts_;                  // only its counters
    std::uint64_t former_bytes_in_ = 0;  // of former connections
    std::uint64_t former_bytes_out_ = 0;
};

}  // namespace culvert::lbd
