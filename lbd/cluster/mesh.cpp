// SPDX-License-Identifier: Apache-2.0
#include "lbd/cluster/mesh.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <random>
#include <utility>

#include "common/log.hpp"
#include "lbd/cluster/connections.hpp"
#include "lbd/cluster/message.hpp"
#include "lbd/cluster/peer.hpp"
#include "lbd/cluster/socket.hpp"
#include "lbd/model/log_events.hpp"

namespace culvert::lbd {
namespace {

using common::Fd;
using netlink::Error;
using netlink::IpAddress;
using netlink::Result;
using namespace std::chrono_literals;
using Clock = Peer::Clock;

constexpr auto tick_interval = 100ms;
constexpr int most_accepted = 16;              // in one turn of the event loop
constexpr auto time_to_find_descriptors = 1s;  // after the host had none left

std::uint64_t random_number() {
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
}

Hello hello_of(const Introduction& own, std::uint64_t instance) {
    return {.instance = instance,
            .from = {},
            .name = own.name,
            .version = own.version,
            .hash_key = own.hash_key,
            .flow_entries = own.flow_entries};
}

/// Without an own address, at all of the families that peers have.
Endpoint place_to_listen(const Cluster& config) {
    if (config.address) return {*config.address, config.port};
    const bool has_v6 = std::ranges::any_of(config.peers, [](const IpAddress& peer) { return !peer.is_v4(); });
    return {IpAddress::any(has_v6 ? netlink::Family::ipv6 : netlink::Family::ipv4), config.port};
}

}  // namespace

class Mesh::Impl {
  public:
    Impl(EventLoop& loop, std::unique_ptr<TlsContext> tls, OwnSide own_values)
        : own(std::move(own_values)), loop_(loop), connections_(loop, std::move(tls), own, peers) {}

    [[nodiscard]] Result<> begin() {
        CHECK_OK(connections_.open());
        TRY(ticker_, loop_.timer([this] { tick(); }));
        ticked_ = Clock::now();
        ticker_.arm(0ms);
        return {};
    }

    [[nodiscard]] Result<Prepared> prepare(const Cluster& next) const {
        const Endpoint at = place_to_listen(next);
        if (listener_.socket.is_open() && at == listener_.at) return Prepared();
        Prepared prepared;
        TRY(prepared.socket, listening_socket(at));
        prepared.at = at;
        return prepared;
    }

    void follow(const Cluster& next, Prepared prepared) {
        if (prepared.socket.is_open()) {
            listener_.source = {};
            listener_.socket = std::move(prepared.socket);
            listener_.at = prepared.at;
            listen();
        }
        const bool moves = next.address != config_.address || next.port != config_.port;
        std::erase_if(peers, [&](const auto& peer) {
            const bool stays = std::ranges::find(next.peers, peer->address()) != next.peers.end();
            if (!stays) connections_.leave(*peer, "it was removed from the list of peers there");
            return !stays;
        });
        Peers ordered;
        for (const IpAddress& address : next.peers) {
            const auto known = std::ranges::find_if(
                peers, [&](const auto& peer) { return peer != nullptr && peer->address() == address; });
            ordered.push_back(known == peers.end() ? std::make_unique<Peer>(address, own) : std::move(*known));
        }
        peers = std::move(ordered);
        config_ = next;
        connections_.follow(next);
        if (!moves) return;
        for (const auto& peer : peers) connections_.leave(*peer, "it has another address or port now");
    }

    void tick() {
        const auto now = Clock::now();
        const auto late = std::max<Clock::duration>(now - ticked_ - tick_interval, 0ms);
        ticked_ = now;
        ticker_.arm(tick_interval);
        if (!listener_.source && now >= listener_.again) listen();
        connections_.tick(now, late);
        for (const auto& peer : peers)
            if (peer->takes_turn(now)) connections_.dial(*peer);
        if (!joined_) join(now);
    }

    void share(const Exceptions& exceptions) {
        if (std::ranges::none_of(peers, [](const auto& peer) { return peer->channel() != nullptr; })) return;
        for (const Exceptions& part : pieces_of(exceptions)) {
            const auto message = std::make_shared<const std::string>(encode(part));
            for (const auto& peer : peers) peer->share(message, part.moving.size() + part.records.size());
        }
    }

    void tell(std::vector<ServiceView> views) {
        OwnViews next;
        std::vector<Views::View> changed;
        for (ServiceView& view : views) {
            const auto known = own.views.find(view.name);
            const bool is_same = known != own.views.end() && known->second->table == view.table &&
                                 known->second->whole == view.whole && known->second->idle == view.idle;
            if (!is_same)
                changed.push_back({.service = view.name,
                                   .table = view.table,
                                   .whole = view.whole,
                                   .idle = static_cast<std::uint64_t>(view.idle.count())});
            std::string name = view.name;
            next.emplace(std::move(name),
                         is_same ? known->second : std::make_shared<const ServiceView>(std::move(view)));
        }
        std::vector<std::string> gone;
        for (const auto& [name, view] : own.views)
            if (!next.contains(name)) gone.push_back(name);
        own.views = std::move(next);
        tell_changes(changed, gone);
    }

    void introduce(const Introduction& introduction) {
        const Hello next = hello_of(introduction, own.hello.instance);
        if (next == own.hello) return;
        own.hello = next;
        for (const auto& peer : peers) peer->introduce(Clock::now());
    }

    [[nodiscard]] Peer* peer(const IpAddress& address) const { return connections_.find(address); }

    [[nodiscard]] bool agrees(const std::string& service) const {
        const auto ours = own.views.find(service);
        if (ours == own.views.end()) return true;
        return std::ranges::all_of(peers, [&](const auto& peer) {
            const Views::View* theirs = peer->is_self() ? nullptr : peer->view(service);
            return theirs == nullptr || theirs->table == ours->second->table;
        });
    }

    [[nodiscard]] bool joined() const { return joined_; }

    [[nodiscard]] ClusterStatus status() const {
        ClusterStatus status{.name = own.hello.name, .version = own.hello.version};
        status.joined = joined_;
        status.strangers = connections_.strangers();
        status.last_stranger = connections_.last_stranger();
        const auto now = Clock::now();
        for (const auto& peer : peers)
            if (!peer->is_self()) status.peers.push_back(peer->status(now));
        return status;
    }

    OwnSide own;
    Peers peers;

  private:
    void listen() {
        auto source = loop_.on_io(listener_.socket.get(), EPOLLIN, [this](std::uint32_t) { accept(); });
        if (source) listener_.source = *std::move(source);
        if (!source) listener_.again = Clock::now() + time_to_find_descriptors;
    }

    void accept() {
        for (int i = 0; i < most_accepted; ++i) {
            auto socket = next_connection(listener_.socket.get());
            if (!socket) {  // otherwise the loop would spin
                listener_.source.reset();
                listener_.again = Clock::now() + time_to_find_descriptors;
                return common::log_limited(
                    spdlog::level::warn,
                    {{"EVENT", log_event("peer_refused")}, {"ADDRESS", ""}, {"REASON", socket.error().message()}},
                    socket.error().message());
            }
            if (!socket->is_open()) return;
            connections_.accept(*std::move(socket));
        }
    }

    /// In messages of a limited length.
    void tell_changes(const std::vector<Views::View>& changed, const std::vector<std::string>& gone) {
        for (std::size_t at = 0; at < std::max(changed.size(), gone.size()); at += most_views) {
            Views part;
            const auto slice = [at](const auto& list) {
                const auto first = list.begin() + static_cast<std::ptrdiff_t>(std::min(at, list.size()));
                return std::pair(first, first + std::min<std::ptrdiff_t>(most_views, list.end() - first));
            };
            const auto [first_changed, end_changed] = slice(changed);
            part.views.assign(first_changed, end_changed);
            const auto [first_gone, end_gone] = slice(gone);
            part.gone.assign(first_gone, end_gone);
            const auto message = std::make_shared<const std::string>(encode(part));
            for (const auto& peer : peers) peer->tell(message, Clock::now());
        }
    }

    void join(Clock::time_point now) {
        const auto lacks = [](const auto& peer) { return !peer->is_self() && !peer->has_sent_all(); };
        joined_ = std::ranges::none_of(peers, lacks);
        if (joined_ || now - begun_ < config_.join_timeout) return;
        joined_ = true;
        for (const auto& peer : peers) {
            if (!lacks(peer)) continue;
            const std::string address = peer->address().to_string();
            const std::string reason = peer->status(now).reason;
            common::log_limited(spdlog::level::warn,
                                {{"EVENT", log_event("not_joined")}, {"PEER", address}, {"REASON", reason}},
                                fmt::format("going on without what balancer {} knows: {}", address,
                                            reason.empty() ? "it has not said everything in time" : reason));
        }
    }

    struct Listener {
        Fd socket;
        Endpoint at;
        std::optional<EventLoop::Source> source;  // absent for a while after a failure
        Clock::time_point again;
    };

    EventLoop& loop_;
    Cluster config_;
    EveryConnection connections_;
    Listener listener_;
    EventLoop::Source ticker_;
    Clock::time_point begun_ = Clock::now();
    Clock::time_point ticked_;
    bool joined_ = false;
};

Mesh::Mesh(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Mesh::~Mesh() {
    impl_->own.calls.gone = {};  // a connection may break as it is told of the end, and the caller has no mesh any more
}

Result<std::unique_ptr<Mesh>> Mesh::open(EventLoop& loop, const Cluster& config, const ClusterKey& key,
                                         const Introduction& own, MeshCalls calls) {
    TRY(auto tls, TlsContext::make(key));
    auto impl = std::make_unique<Impl>(
        loop, std::move(tls), OwnSide{.hello = hello_of(own, random_number()), .views = {}, .calls = std::move(calls)});
    TRY(auto prepared, impl->prepare(config));
    CHECK_OK(impl->begin());
    impl->follow(config, std::move(prepared));
    return std::unique_ptr<Mesh>(new Mesh(std::move(impl)));
}

Result<Mesh::Prepared> Mesh::prepare(const Cluster& next) const { return impl_->prepare(next); }
void Mesh::follow(const Cluster& next, Prepared prepared) { impl_->follow(next, std::move(prepared)); }
void Mesh::share(const Exceptions& exceptions) { impl_->share(exceptions); }
void Mesh::tell(std::vector<ServiceView> views) { impl_->tell(std::move(views)); }
void Mesh::introduce(const Introduction& own) { impl_->introduce(own); }
std::optional<std::string> Mesh::ask(const IpAddress& peer, const TurnoverQuestion& question) {
    Peer* asked = impl_->peer(peer);
    return asked != nullptr ? asked->ask(question) : "it is no peer any more";
}
void Mesh::answer(const IpAddress& peer, const TurnoverAnswer& answer) {
    if (const Peer* asked = impl_->peer(peer); asked != nullptr && asked->channel() != nullptr)
        asked->channel()->send(answer);
}
bool Mesh::agrees(const std::string& service) const { return impl_->agrees(service); }
bool Mesh::joined() const { return impl_->joined(); }
ClusterStatus Mesh::status() const { return impl_->status(); }

}  // namespace culvert::lbd
