// SPDX-License-Identifier: Apache-2.0
#include "lbd/exchange/exchange.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/packet/member.hpp"
#include "tests/packet/packet.hpp"
#include "tests/packet/result.hpp"
#include "tests/track/history.hpp"

namespace culvert::packet {
namespace {

constexpr unsigned balancers = 3;

/// Several balancers behind a router that spreads connections over those that are alive. A change reaches one after the
/// other.
class Cluster {
  public:
    explicit Cluster(std::array<Member, balancers>& members) : members_(members) {
        for (Member& member : members_) {
            member.boot();
            member.change(world_);
        }
    }

    /// The first fault.
    std::string run(std::uint64_t seed, unsigned steps) {
        std::mt19937_64 random(seed);
        const auto below = [&](unsigned end) { return static_cast<unsigned>(random() % end); };
        const unsigned changes = 1 + below(10);
        seed_ = static_cast<unsigned>(seed);
        for (unsigned i = 0; i < steps; ++i) {
            step_ = "step " + std::to_string(i) + ": ";
            const unsigned draw = below(100);
            if (draw < changes)
                turn(below(track::World::most_backends), below(8), below(2) == 0);
            else if (draw < changes + 6)
                apply(below(balancers));
            else if (draw < changes + 9)
                leave(below(balancers));
            else if (draw < changes + 12)
                come(below(balancers), below(3) == 0);
            else if (draw < changes + 18)
                sweep(static_cast<std::uint16_t>(below(4) == 0 ? below(7) : below(2)));
            else if (draw < changes + 19 && below(2) == 0)
                rest();
            else if (draw < changes + 35 || known_.empty())
                open();
            else
                use(std::next(known_.begin(), below(static_cast<unsigned>(known_.size())))->first);
            exchange();
            if (!fault_.empty()) return step_ + fault_;
        }
        return {};
    }

    [[nodiscard]] unsigned settled() const { return settled_; }
    /// What a balancer tells reaches nobody any more.
    void cut() { is_cut_ = true; }

  private:
    struct Connection {
        unsigned backend = 0;
        unsigned last = 0;  ///< tick of its last packet
        bool is_free = false;
    };

    [[nodiscard]] Bytes frame(unsigned number, unsigned flags) const {
        return (Ethernet() /
                IPv4{.source = fmt::format("10.{}.{}.{}", seed_ >> 8 & 0xff, seed_ & 0xff, 1 + number % 5)} /
                TCP{.source = static_cast<std::uint16_t>(1024 + number), .flags = flags})
            .bytes();
    }
    Member& balancer_of(unsigned number) {
        std::vector<unsigned> alive;
        for (unsigned i = 0; i < balancers; ++i)
            if (is_alive_[i]) alive.push_back(i);
        return members_[alive[number * 2654435761U % alive.size()]];
    }

    void turn(unsigned index, unsigned how, bool at_once) {
        auto& one = world_.backends[index];
        if (how < 2)
            one.up = !one.up;
        else if (how < 5)
            one.state =
                one.state == track::BackendState::active ? track::BackendState::drain : track::BackendState::active;
        else if (how < 6)
            one.present = !one.present;
        else
            one.weight = static_cast<std::uint16_t>((one.weight + how) % 4);
        for (auto& [number, connection] : known_) connection.is_free |= !world_.is_alive(connection.backend);
        for (unsigned i = 0; i < balancers; ++i)
            if (at_once) apply(i);
    }
    void apply(unsigned index) { members_[index].change(world_); }
    void leave(unsigned index) {
        if (std::ranges::count(is_alive_, true) > 1) is_alive_[index] = false;
    }
    /// `reboots`: it has forgotten everything, and gets what the others know before packets reach it.
    void come(unsigned index, bool reboots) {
        if (is_alive_[index]) return;
        Member& member = members_[index];
        if (reboots) {
            member.boot();
            member.exchange().join(true);
        }
        member.change(world_);
        for (unsigned i = 0; i < balancers; ++i) {
            if (i == index) continue;
            members_[i].exchange().forget_peers();
            tell_all(i, index);
        }
        exchange();
        member.exchange().join(false);
        is_alive_[index] = true;
    }
    void sweep(std::uint16_t ticks) {
        tick_ += ticks;
        for (Member& member : members_) member.age(ticks);
        // Times that were told are older now as well.
        if (ticks != 0)
            for (unsigned i = 0; i < balancers; ++i) {
                members_[i].exchange() = {};
                for (unsigned j = 0; j < balancers; ++j)
                    if (i != j) tell_all(i, j);
            }
        exchange();
        for (Member& member : members_) {
            const bool had = member.has_transition();
            member.sweep([&](const std::string&) {
                return std::ranges::any_of(members_,
                                           [&](const Member& other) { return !member.has_same_table(other); });
            });
            settled_ += had && !member.has_transition() ? 1 : 0;
        }
    }
    /// Nothing happens until slots can settle.
    void rest() {
        for (unsigned i = 0; i < balancers; ++i) apply(i);
        for (int i = 0; i < 3; ++i) sweep(idle_ticks);
    }
    void tell_all(unsigned from, unsigned to) {
        auto next = members_[from].exchange().everything(members_[from].reconciler());
        while (auto told = value(next()))
            if (!is_cut_) members_[to].exchange().take(*std::move(told));
    }
    /// All that is new is told. A clock that is far ahead makes each call look at the slots.
    void exchange() {
        for (int round = 0; round < 2; ++round)
            for (unsigned i = 0; i < balancers; ++i) {
                now_ += std::chrono::hours(1);
                done(members_[i].exchange().take_in(members_[i].reconciler()));
                done(members_[i].exchange().tell(members_[i].reconciler(), now_, [&](const lbd::Exceptions& told) {
                    for (unsigned j = 0; j < balancers; ++j)
                        if (j != i && !is_cut_) members_[j].exchange().take(told);
                }));
            }
    }
    void open() {
        const unsigned number = next_++;
        Member& member = balancer_of(number);
        const auto to = member.send(frame(number, syn));
        if (!to) return;
        if (!member.world().takes_new(*to)) {
            fault_ = fmt::format("a new connection goes to backend {}", *to);
            return;
        }
        if (member.send(frame(number, ack)) != to) fault_ = "the second packet goes elsewhere";
        known_[number] = {.backend = *to, .last = tick_, .is_free = !world_.is_alive(*to)};
    }
    void use(unsigned number) {
        Connection& connection = known_.at(number);
        const Member& balancer = balancer_of(number);
        const auto to = balancer.send(frame(number, ack));
        // Who finds a backend down does not send there, whatever others find.
        connection.is_free |= !balancer.world().is_alive(connection.backend);
        if (connection.is_free || tick_ - connection.last > idle_ticks) {
            known_.erase(number);
            return;
        }
        connection.last = tick_;
        if (to != connection.backend)
            fault_ = fmt::format("connection {} is at backend {}, goes to {}", number, connection.backend,
                                 to ? std::to_string(*to) : "none");
    }

    std::array<Member, balancers>& members_;
    std::array<bool, balancers> is_alive_{true, true, true};
    track::World world_;
    std::map<unsigned, Connection> known_;
    unsigned next_ = 0, tick_ = 0, seed_ = 0, settled_ = 0;
    lbd::Exchange::Clock::time_point now_;
    bool is_cut_ = false;
    std::string step_, fault_;
};

constexpr unsigned history_length = 300;

// CULVERT_HISTORIES runs more of them.
TEST(Exchange, NoConnectionMovesWhenABalancerTakesOverFromAnother) {
    const char* wanted = std::getenv("CULVERT_HISTORIES");
    const std::uint64_t count = wanted == nullptr ? 6 : std::strtoull(wanted, nullptr, 10);
    std::array<Member, balancers> members;
    unsigned settled = 0;
    for (std::uint64_t seed = 1; seed <= count; ++seed) {
        Cluster cluster(members);
        ASSERT_EQ(cluster.run(seed, history_length), "") << "seed " << seed;
        settled += cluster.settled();
    }
    EXPECT_GT(settled, 0U);
}

/// Tells a member, and lets it take that in.
void tell(Member& member, const std::vector<lbd::Exceptions>& messages) {
    for (const lbd::Exceptions& message : messages) member.exchange().take(message);
    done(member.exchange().take_in(member.reconciler()));
}

Bytes packet_of(unsigned flags, std::uint16_t source = 999) {
    return (Ethernet() / IPv4{.source = "10.9.9.9"} / TCP{.source = source, .flags = flags}).bytes();
}

// A reload has reached the first balancer only. The second one keeps what it cannot understand yet.
TEST(Exchange, WhatNamesAnUnknownServiceOrBackendIsTakenInAfterTheReload) {
    constexpr unsigned added = track::World::most_backends - 1;
    Member first, second;
    track::World before, after;
    before.backends[added].present = false;
    for (const bool other_name : {false, true}) {
        after.service_name = other_name ? 1 : 0;
        for (Member* member : {&first, &second}) {
            member->boot();
            member->change(before);
        }
        first.change(after);
        std::vector<std::uint16_t> sources;  // of connections with the new backend
        for (std::uint16_t source = 1; source < 100; ++source)
            if (first.send(packet_of(syn, source)) == added && first.send(packet_of(ack, source)) == added)
                sources.push_back(source);
        ASSERT_GT(sources.size(), 3U);
        std::vector<lbd::Exceptions> told;
        auto next = first.exchange().everything(first.reconciler());
        while (auto one = value(next())) told.push_back(*std::move(one));
        tell(second, told);
        second.change(after);
        tell(second, {});
        for (const std::uint16_t source : sources) EXPECT_EQ(second.send(packet_of(ack, source)), added) << source;
    }
}

// Until the change of the maps is over, what peers say of slots waits.
TEST(Exchange, InTheMiddleOfAChangeOnlyFlowsAreTakenIn) {
    Member first, second;
    track::World before, after;
    after.backends[0].state = track::BackendState::drain;
    for (Member* member : {&first, &second}) {
        member->boot();
        member->change(before);
    }
    first.change(after);
    std::map<std::uint16_t, std::optional<unsigned>> connections;  // by source port
    for (std::uint16_t source = 1; source < 100; ++source) {
        connections[source] = first.send(packet_of(syn, source));
        ASSERT_EQ(first.send(packet_of(ack, source)), connections[source]);
    }
    auto next = first.exchange().everything(first.reconciler());
    while (auto one = value(next())) second.exchange().take(*std::move(one));
    done(second.exchange().take_in(second.reconciler(), true));
    const auto is_elsewhere = [&](const auto& one) { return second.send(packet_of(ack, one.first)) != one.second; };
    EXPECT_EQ(std::ranges::count_if(connections, is_elsewhere), 0);
    EXPECT_FALSE(second.has_transition());
    EXPECT_GT(second.exchange().waiting(), 0U);

    done(second.exchange().take_in(second.reconciler()));
    EXPECT_EQ(std::ranges::count_if(connections, is_elsewhere), 0);
    EXPECT_TRUE(second.has_transition());
    EXPECT_EQ(second.exchange().waiting(), 0U);
}

TEST(Exchange, MessagesThatDoNotFitHarmNobody) {
    Member member;
    track::World none;
    for (auto& backend : none.backends) backend.state = track::BackendState::drain;
    for (const auto& world : {track::World(), none}) {
        member.boot();
        member.exchange().join(true);
        member.change(world);
        const auto about = [](std::uint32_t slots, std::uint32_t slot) {
            return lbd::Exceptions{.services = {"web0", "web0", "another"},
                                   .backends = {"10.0.0.1", "nobody"},
                                   .slots = slots,
                                   .moving = {{.slot = slot, .former = 1, .age = 65'535}},
                                   .table_size = 1U << 24,
                                   .weights = {1, 1},
                                   .buckets = 3,
                                   .records = {{.low = 1, .tag = 16, .backend = 1, .age = 65'535}}};
        };
        tell(member, {about(65'537, 65'000), about(1, 0), about(1U << 24, 0), about(101, 100)});
        tell(member, {about(7, 6)});
        EXPECT_EQ(member.send(packet_of(syn)).has_value(), world.takes_new(0));
    }
}

TEST(Exchange, ConnectionsMoveIfBalancersTellEachOtherNothing) {
    std::array<Member, balancers> members;
    std::string fault;
    for (std::uint64_t seed = 1; seed <= 20 && fault.empty(); ++seed) {
        Cluster cluster(members);
        cluster.cut();
        fault = cluster.run(seed, history_length);
    }
    EXPECT_NE(fault, "");
}

}  // namespace
}  // namespace culvert::packet
