// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/event_loop.hpp"
#include "lbd/cluster/mesh.hpp"
#include "tests/unit/lbd/address.hpp"

namespace culvert::lbd {

/// Steps that happen in an event loop, one after the other, each when something holds. The loop stops after the last.
class Story {
  public:
    Story() : loop_(std::make_unique<EventLoop>(EventLoop::open().value())) {
        timer_ = loop_->timer([this] { next(); }).value();
    }
    [[nodiscard]] EventLoop& loop() { return *loop_; }

    Story& when(std::string what, std::function<bool()> holds) {
        steps_.push_back({std::move(what), std::move(holds), [] {}});
        return *this;
    }
    Story& then(std::function<void()> act) {
        steps_.push_back({"", [] { return true; }, std::move(act)});
        return *this;
    }
    void happens() {
        deadline_ = Clock::now() + std::chrono::seconds(30);
        timer_.arm(std::chrono::milliseconds(0));
        ASSERT_TRUE(loop_->run());
    }

  private:
    using Clock = std::chrono::steady_clock;
    struct Step {
        std::string what;
        std::function<bool()> holds;
        std::function<void()> act;
    };

    void next() {
        while (!steps_.empty() && steps_.front().holds()) {
            steps_.front().act();
            steps_.pop_front();
        }
        if (steps_.empty()) return loop_->stop();
        if (Clock::now() > deadline_) {
            ADD_FAILURE() << "this did not happen: " << steps_.front().what;
            return loop_->stop();
        }
        timer_.arm(std::chrono::milliseconds(5));
    }

    std::unique_ptr<EventLoop> loop_;
    EventLoop::Source timer_;
    std::deque<Step> steps_;
    Clock::time_point deadline_;
};

/// An address of this process: tests may run at the same time.
inline netlink::IpAddress own_loopback(int number) {
    const int process = ::getpid();
    return address(fmt::format("127.{}.{}.{}", 64 + (process >> 8) % 64, process & 255, number));
}

inline ClusterKey some_key(std::uint8_t seed = 7) {
    ClusterKey key;
    key.bytes.fill(seed);
    return key;
}

/// A balancer's part in a cluster, with all that it takes.
struct MeshMember {
    int number = 0;
    std::vector<Exceptions> taken;
    std::vector<Exceptions> has;      ///< what it gives a peer that connects
    std::vector<std::string> losses;  ///< why connections have ended
    std::unique_ptr<Mesh> mesh;

    [[nodiscard]] std::size_t records() const {
        std::size_t sum = 0;
        for (const Exceptions& one : taken) sum += one.records.size();
        return sum;
    }
    [[nodiscard]] PeerStatus peer(int other) const {
        for (PeerStatus& one : mesh->status().peers)
            if (one.address == own_loopback(other)) return one;
        return {};
    }
    [[nodiscard]] bool is_up(int other) const { return peer(other).state == PeerStatus::State::up; }
};

inline Cluster cluster_of(int number, int members) {
    Cluster cluster{.key_file = "/key", .address = own_loopback(number)};
    for (int other = 1; other <= members; ++other) cluster.peers.push_back(own_loopback(other));
    return cluster;
}

inline void start(MeshMember& member, EventLoop& loop, const Cluster& cluster, const ClusterKey& key = some_key()) {
    const auto all = [&member]() -> MeshCalls::Everything {
        return [&member, next = std::size_t{0}]() mutable -> std::optional<Exceptions> {
            return next < member.has.size() ? std::optional(member.has[next++]) : std::nullopt;
        };
    };
    auto opened = Mesh::open(
        loop, cluster, key,
        {.name = fmt::format("lb{}", member.number), .version = "1", .hash_key = "01234567", .flow_entries = 1024},
        {.take = [&member](const Exceptions& one) { member.taken.push_back(one); },
         .all = all,
         .gone =
             [&member](const auto& /*peer*/) {
                 for (const PeerStatus& peer : member.mesh->status().peers)
                     if (peer.state != PeerStatus::State::away && !peer.reason.empty())
                         member.losses.push_back(peer.reason);
             }});
    ASSERT_TRUE(opened) << opened.error().message();
    member.mesh = *std::move(opened);
}

inline Exceptions some_records(std::uint32_t count) {
    Exceptions one{.services = {"web"}, .backends = {"b1"}, .buckets = 1U << 24};
    for (std::uint32_t i = 0; i < count; ++i) one.records.push_back({.low = i, .tag = i * 8, .backend = 0, .age = 1});
    return one;
}

}  // namespace culvert::lbd
