// SPDX-License-Identifier: Apache-2.0
#include "lbd/cluster/connections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include "common/log.hpp"
#include "lbd/cluster/socket.hpp"
#include "lbd/model/log_events.hpp"

namespace culvert::lbd {
namespace {

using netlink::IpAddress;
using netlink::Result;
using namespace std::chrono_literals;

constexpr auto time_to_be_used = 5s;

std::string versions(const Hello& hello) {
    return hello.oldest == hello.newest ? fmt::format("version {}", hello.newest)
                                        : fmt::format("versions {} to {}", hello.oldest, hello.newest);
}

}  // namespace

Result<> EveryConnection::open() {
    TRY(removal_, loop_.timer([this] { remove_closed(); }));
    return {};
}

EveryConnection::~EveryConnection() {
    for (Connection& one : connections_)
        if (!one.channel->is_closed()) one.channel->close("lbd has stopped there");
}

void EveryConnection::follow(const Cluster& config) {
    port_ = config.port;
    own_address_ = config.address;
    std::set<IpAddress> addresses;
    for (const auto& peer : peers_) {
        const bool is_self = config.address ? peer->address() == *config.address : is_own(peer->address());
        peer->set_self(is_self);
        if (is_self)
            own_address_ = peer->address();
        else
            addresses.insert(peer->address());
    }
    door_.set_peers(std::move(addresses));
}

Peer* EveryConnection::find(const IpAddress& address) const {
    const auto found = std::ranges::find(peers_, address, [](const auto& peer) { return peer->address(); });
    return found == peers_.end() || (*found)->is_self() ? nullptr : found->get();
}

void EveryConnection::accept(common::Fd socket) {
    const IpAddress from = remote_address(socket.get());
    const auto door = door_.enter(from, Clock::now());
    if (!door) return note_stranger(from, "too many connections without the key", false);
    auto channel = Channel::accept(loop_, *tls_, std::move(socket));
    if (!channel) return door_.leave(*door);
    add(*std::move(channel), nullptr);
    connections_.back().at_door = door;
}

void EveryConnection::dial(Peer& peer) {
    const auto is_pending = [&](const Connection& one) {
        return one.peer == &peer && one.dialed && !one.channel->is_closed();
    };
    if (std::ranges::any_of(connections_, is_pending)) return;
    auto channel = Channel::connect(loop_, *tls_, own_address_, {peer.address(), port_});
    if (!channel) return peer.failed(channel.error().message());
    add(*std::move(channel), &peer);
}

void EveryConnection::add(std::unique_ptr<Channel> channel, Peer* peer) {
    Connection& one = connections_.emplace_back(Connection{.channel = std::move(channel),
                                                           .peer = peer,
                                                           .dialed = peer != nullptr,
                                                           .deadline = Clock::now() + time_to_be_used});
    one.channel->set_calls({.opened =
                                [this, &one] {
                                    if (one.dialed) say_hello(one);
                                },
                            .received = [this, &one](const Message& message) { received(one, message); },
                            .drained =
                                [&one] {
                                    if (one.is_used()) one.peer->say_more();
                                },
                            .closed = [this, &one](const std::string& reason) { closed(one, reason); }});
}

void EveryConnection::say_hello(Connection& connection) {
    Hello hello = own_.hello;
    hello.from = own_address_.value_or(connection.channel->local());
    connection.channel->send(hello);
    connection.said_hello = true;
}

void EveryConnection::received(Connection& connection, const Message& message) {
    if (const auto* hello = std::get_if<Hello>(&message)) {
        if (!connection.hello) return take_hello(connection, *hello);
        if (!connection.is_used() || hello->instance != connection.hello->instance)
            return refuse(connection, "it said hello twice");
    }
    if (const auto* bye = std::get_if<Bye>(&message); bye != nullptr && !connection.is_used())
        return closed(connection, bye->reason);
    if (!connection.hello) return refuse(connection, "it did not say hello");
    if (std::holds_alternative<Chosen>(message)) return use(connection);
    if (!connection.is_used()) return;  // it was replaced
    if (const auto reason = connection.peer->received(message, Clock::now())) {
        const bool is_bye = std::holds_alternative<Bye>(message);
        end(connection, is_bye ? *reason : "refused: " + *reason);
    }
}

void EveryConnection::take_hello(Connection& connection, const Hello& hello) {
    connection.hello = hello;
    if (hello.instance == own_.hello.instance) {
        if (connection.dialed) connection.peer->set_self(true);
        return end(connection, "it is this balancer itself");
    }
    if (hello.oldest > newest_version || hello.newest < oldest_version)
        return refuse(connection, fmt::format("it speaks {} of the protocol, and this lbd {}", versions(hello),
                                              versions(own_.hello)));
    Peer* peer = find(hello.from);
    if (peer == nullptr)
        return refuse(connection,
                      fmt::format("{} has the key, but is not in the list of peers", hello.from.to_string()));
    if (connection.dialed && peer != connection.peer)
        return refuse(connection, fmt::format("it says that it is {}", hello.from.to_string()));
    connection.peer = peer;
    leave_door(connection);
    if (!connection.said_hello) say_hello(connection);
    if (own_.hello.instance > hello.instance) return;  // the other one chooses
    connection.channel->send(Chosen{});
    use(connection);
}

void EveryConnection::use(Connection& connection) {
    Peer& peer = *connection.peer;
    if (connection.is_used()) return;
    peer.use(*connection.channel, *connection.hello, Clock::now());
    const bool chooses = own_.hello.instance < connection.hello->instance;
    for (Connection& other : connections_) {
        if (&other == &connection || other.peer != &peer || other.channel->is_closed()) continue;
        // The other end may be about to choose one to which it has said hello.
        if (chooses || !other.hello) end(other, "another connection is used");
    }
}

/// By the other end, or it has failed.
void EveryConnection::closed(Connection& connection, const std::string& reason) {
    if (connection.is_used())
        connection.peer->lost(reason, Clock::now());
    else if (connection.dialed && connection.peer->channel() == nullptr)
        connection.peer->failed(reason);
    else if (!connection.peer && (reason.starts_with("TLS") || find(connection.channel->remote()) == nullptr))
        note_stranger(connection.channel->remote(), reason);  // a peer may have found a better connection
    leave_door(connection);
    connection.channel->close(reason);
    removal_.arm(0ms);
}

void EveryConnection::refuse(Connection& connection, const std::string& reason) {
    if (!connection.dialed) note_stranger(connection.channel->remote(), reason);
    end(connection, reason);
}

/// By us. A peer hears the reason.
void EveryConnection::end(Connection& connection, const std::string& reason) {
    const bool was_used = connection.is_used();
    leave_door(connection);
    connection.channel->close(reason);
    if (was_used)
        connection.peer->lost(reason, Clock::now());
    else if (connection.dialed && connection.peer->channel() == nullptr)
        connection.peer->failed(reason);
    removal_.arm(0ms);
}

void EveryConnection::leave_door(Connection& connection) {
    if (const auto door = std::exchange(connection.at_door, std::nullopt)) door_.leave(*door);
}

void EveryConnection::note_stranger(const IpAddress& from, const std::string& reason, bool is_logged) {
    ++strangers_;
    last_stranger_ = fmt::format("{}: {}", from.to_string(), reason);
    if (is_logged)
        common::log_limited(
            spdlog::level::warn,
            {{"EVENT", log_event("peer_refused")}, {"ADDRESS", from.to_string()}, {"REASON", reason}},
            fmt::format("refused a connection of {} to the cluster's port: {}", from.to_string(), reason));
}

void EveryConnection::leave(Peer& peer, const std::string& reason) {
    for (Connection& one : connections_) {
        if (one.peer != &peer) continue;
        if (!one.channel->is_closed()) end(one, reason);
        one.peer = nullptr;
        one.dialed = false;
    }
}

void EveryConnection::tick(Clock::time_point now, Clock::duration late) {
    for (Connection& one : connections_) {
        if (one.channel->is_closed()) continue;
        if (one.is_used()) {
            if (const auto reason = one.peer->tick(now, late)) end(one, *reason);
        } else if (now > one.deadline + late) {
            constexpr auto slow = "it took too long to say who it is";
            if (one.peer == nullptr) note_stranger(one.channel->remote(), slow);
            end(one, slow);
        }
    }
    for (const auto& peer : peers_)
        if (peer->channel() == nullptr) (void)peer->tick(now, late);
}

void EveryConnection::remove_closed() {
    std::erase_if(connections_, [](const Connection& one) { return one.channel->is_closed(); });
}

}  // namespace culvert::lbd
