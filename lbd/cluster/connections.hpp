// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/event_loop.hpp"
#include "lbd/cluster/channel.hpp"
#include "lbd/cluster/door.hpp"
#include "lbd/cluster/peer.hpp"
#include "lbd/cluster/tls.hpp"
#include "lbd/model/config.hpp"

namespace culvert::lbd {

using Peers = std::vector<std::unique_ptr<Peer>>;

/// All connections with other balancers, from the first byte on.
///
/// Both ends of a pair try to connect, as one way may be closed. So there may be two connections for a moment. The
/// balancer with the lower instance number chooses: always the newest, as the other end makes one only if it does not
/// know a better one.
class EveryConnection {
  public:
    using Clock = Channel::Clock;

    EveryConnection(EventLoop& loop, std::unique_ptr<TlsContext> tls, const OwnSide& own, Peers& peers)
        : loop_(loop), tls_(std::move(tls)), own_(own), peers_(peers) {}
    EveryConnection(const EveryConnection&) = delete;
    EveryConnection& operator=(const EveryConnection&) = delete;
    ~EveryConnection();

    [[nodiscard]] netlink::Result<> open();
    /// The configuration, or the peers, have changed.
    void follow(const Cluster& config);

    /// Null: there is none, or it is this balancer itself.
    [[nodiscard]] Peer* find(const netlink::IpAddress& address) const;
    /// Somebody has connected.
    void accept(common::Fd socket);
    /// Connects with the peer.
    void dial(Peer& peer);
    /// Ends the connections that take too long, and those of peers that are silent. `late`: this call should have been
    /// so much earlier.
    void tick(Clock::time_point now, Clock::duration late);
    /// Ends all connections with the peer.
    void leave(Peer& peer, const std::string& reason);

    [[nodiscard]] std::uint64_t strangers() const { return strangers_; }
    [[nodiscard]] const std::string& last_stranger() const { return last_stranger_; }

  private:
    struct Connection {
        std::unique_ptr<Channel> channel;
        Peer* peer = nullptr;  // that was dialed, or has said hello
        bool dialed = false;
        std::optional<netlink::IpAddress> at_door;  // counts there
        bool said_hello = false;
        std::optional<Hello> hello;  // of the peer
        Clock::time_point deadline;  // to be used
        [[nodiscard]] bool is_used() const { return peer != nullptr && peer->channel() == channel.get(); }
    };

    void add(std::unique_ptr<Channel> channel, Peer* peer);
    void received(Connection& connection, const Message& message);
    void say_hello(Connection& connection);
    void take_hello(Connection& connection, const Hello& hello);
    void use(Connection& connection);
    void closed(Connection& connection, const std::string& reason);
    void refuse(Connection& connection, const std::string& reason);
    void end(Connection& connection, const std::string& reason);
    void leave_door(Connection& connection);
    void note_stranger(const netlink::IpAddress& from, const std::string& reason, bool is_logged = true);
    void remove_closed();

    EventLoop& loop_;
    std::unique_ptr<TlsContext> tls_;
    const OwnSide& own_;
    Peers& peers_;
    std::optional<netlink::IpAddress> own_address_;
    std::uint16_t port_ = 0;
    Door door_;
    std::uint64_t strangers_ = 0;
    std::string last_stranger_;
    std::list<Connection> connections_;
    EventLoop::Source removal_;
};

}  // namespace culvert::lbd
