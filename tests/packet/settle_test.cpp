// SPDX-License-Identifier: Apache-2.0
//
// Balancers of a cluster agree on the backend of each flow that has an entry, whatever they found at which time.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "lbd/exchange/exchange.hpp"
#include "tests/packet/member.hpp"
#include "tests/packet/packet.hpp"
#include "tests/packet/result.hpp"
#include "tests/track/history.hpp"

namespace culvert::packet {
namespace {

constexpr unsigned members_of_one = 3;
using Members = std::array<Member, members_of_one>;

/// Balancers behind a router that sends each flow to one of them. Backends die and return. Balancers find that one
/// after the other, and are cut off from each other.
class UdpCluster {
  public:
    UdpCluster(Members& members, std::uint64_t seed) : members_(members), random_(seed), seed_(seed) {
        world_.protocol = lbd::Protocol::udp;
        for (Member& member : members_) {
            member.boot();
            member.change(world_);
        }
    }

    /// Each message arrives at once. Returns the first flow that has left a backend which lives, or nothing.
    std::string run_in_step(unsigned steps) {
        for (unsigned i = 0; i < steps; ++i) {
            step(true);
            exchange();
            if (!fault_.empty()) return fmt::format("step {}: {}", i, fault_);
        }
        return {};
    }

    /// Messages arrive late. Then nothing changes any more but the paths. Returns the first flow that does not have one
    /// backend then, or nothing.
    std::string run_late(unsigned steps) {
        for (unsigned i = 0; i < steps; ++i) {
            step(false);
            collect();
            while (below(3) == 0) deliver(below(members_of_one), below(members_of_one));
        }
        for (unsigned i = 0; i < members_of_one; ++i) heal(i);
        for (unsigned i = 0; i < members_of_one; ++i) apply(i);
        constexpr int enough = 3;  // rounds
        for (int i = 0; i < enough; ++i) {
            for (const auto& [number, flow] : flows_) (void)send(number, path_of(number));
            exchange();
        }
        for (const auto& [number, flow] : flows_) {
            const auto settled = send(number, path_of(number));
            for (unsigned i = 0; i < members_of_one; ++i)
                if (const auto to = send(number, i); to != settled)
                    return fmt::format("flow {} is at {}, and at {} on balancer {}", number, text(settled), text(to),
                                       i);
        }
        return {};
    }

    [[nodiscard]] unsigned chosen_anew() const { return chosen_anew_; }

  private:
    struct Flow {
        unsigned backend = 0;
        unsigned last = 0;
        bool is_free = false;
    };

    unsigned below(unsigned end) { return static_cast<unsigned>(random_() % end); }
    static std::string text(std::optional<unsigned> backend) { return backend ? std::to_string(*backend) : "none"; }

    void step(bool in_step) {
        const unsigned draw = below(100);
        if (draw < 6)
            turn(below(track::World::most_backends));
        else if (draw < 14)
            apply(below(members_of_one));
        else if (draw < 17)
            leave(below(members_of_one), below(2) == 0);
        else if (draw < 22)
            come(below(members_of_one));
        else if (draw < 26)
            age(static_cast<std::uint16_t>(below(2)));
        else if (draw < 40 || flows_.empty())
            use(next_++, in_step);
        else
            use(std::next(flows_.begin(), below(static_cast<unsigned>(flows_.size())))->first, in_step);
    }

    void turn(unsigned index) {
        world_.backends[index].up = !world_.backends[index].up;
        for (auto& [number, flow] : flows_) flow.is_free |= !world_.is_alive(flow.backend);
    }
    void apply(unsigned index) { members_[index].change(world_); }

    void leave(unsigned index, bool is_cut) {
        if (!is_alive_[index] || std::ranges::count(is_alive_, true) == 1) return;
        is_alive_[index] = false;
        is_cut_[index] = is_cut;
        if (!is_cut) return;
        for (unsigned i = 0; i < members_of_one; ++i) {
            members_[i].exchange().forget_peers();
            on_way_[index][i].clear();
            on_way_[i][index].clear();
        }
    }
    void come(unsigned index) {
        heal(index);
        is_alive_[index] = true;
    }
    void heal(unsigned index) {
        if (!is_cut_[index]) return;
        is_cut_[index] = false;
        for (unsigned i = 0; i < members_of_one; ++i) {
            if (i == index || is_cut_[i]) continue;
            tell_all(i, index);
            tell_all(index, i);
        }
        exchange();
    }
    void age(std::uint16_t ticks) {
        tick_ += ticks;
        for (Member& member : members_) member.age(ticks);
    }

    void use(unsigned number, bool in_step) {
        const unsigned path = path_of(number);
        const auto to = send(number, path);
        const auto known = flows_.find(number);
        if (!to) {
            if (known != flows_.end()) flows_.erase(known);
            return;
        }
        if (known != flows_.end() && in_step) {
            Flow& flow = known->second;
            const bool may_move = flow.is_free || !members_[path].world().is_alive(flow.backend);
            if (!may_move && tick_ - flow.last <= idle_ticks && *to != flow.backend)
                fault_ = fmt::format("seed {}: flow {} was at {}, and is at {} now", seed_, number, flow.backend, *to);
            chosen_anew_ += *to != flow.backend ? 1 : 0;
        }
        flows_[number] = {.backend = *to, .last = tick_, .is_free = !world_.is_alive(*to)};
    }
    /// A flow of a single packet is not told. One that chooses again is.
    [[nodiscard]] std::optional<unsigned> send(unsigned number, unsigned path) const {
        const Bytes frame = (Ethernet() / IPv4{.source = fmt::format("10.{}.{}.1", seed_ >> 8 & 0xff, seed_ & 0xff)} /
                             UDP{.source = static_cast<std::uint16_t>(1024 + number), .destination = 80})
                                .bytes();
        if (!flows_.contains(number)) (void)members_[path].send(frame);
        return members_[path].send(frame);
    }
    [[nodiscard]] unsigned path_of(unsigned number) const {
        std::vector<unsigned> alive;
        for (unsigned i = 0; i < members_of_one; ++i)
            if (is_alive_[i]) alive.push_back(i);
        return alive[number * 2654435761U % alive.size()];
    }

    void put_on_way(unsigned from, unsigned to, const lbd::Exceptions& told) {
        if (from != to && !is_cut_[from] && !is_cut_[to]) on_way_[from][to].push_back(told);
    }
    void collect() {
        for (unsigned i = 0; i < members_of_one; ++i) {
            now_ += std::chrono::hours(1);  // each call looks at all flows
            done(members_[i].exchange().take_in(members_[i].reconciler()));
            done(members_[i].exchange().tell(members_[i].reconciler(), now_, [&](const lbd::Exceptions& told) {
                for (unsigned j = 0; j < members_of_one; ++j) put_on_way(i, j, told);
            }));
        }
    }
    void tell_all(unsigned from, unsigned to) {
        auto next = members_[from].exchange().everything(members_[from].reconciler());
        while (auto told = value(next())) put_on_way(from, to, *told);
    }
    void deliver(unsigned from, unsigned to) {
        auto& queue = on_way_[from][to];
        for (unsigned most = 1 + below(4); most > 0 && !queue.empty(); --most, queue.pop_front())
            members_[to].exchange().take(std::move(queue.front()));
    }
    void exchange() {
        for (int round = 0; round < 4; ++round) {
            collect();
            for (unsigned from = 0; from < members_of_one; ++from)
                for (unsigned to = 0; to < members_of_one; ++to)
                    while (!on_way_[from][to].empty()) deliver(from, to);
        }
        collect();
    }

    Members& members_;
    std::mt19937_64 random_;
    std::uint64_t seed_;
    std::array<bool, members_of_one> is_alive_{true, true, true}, is_cut_{};
    std::array<std::array<std::deque<lbd::Exceptions>, members_of_one>, members_of_one> on_way_;
    track::World world_;
    std::map<unsigned, Flow> flows_;
    unsigned next_ = 0, tick_ = 0, chosen_anew_ = 0;
    lbd::Exchange::Clock::time_point now_;
    std::string fault_;
};

/// CULVERT_HISTORIES runs more of them.
std::uint64_t histories() {
    const char* wanted = std::getenv("CULVERT_HISTORIES");
    return wanted == nullptr ? 6 : std::strtoull(wanted, nullptr, 10);
}

TEST(UdpFlows, StayWithTheirBackendWhereverTheirPathsLead) {
    Members members;
    unsigned chosen_anew = 0;
    for (std::uint64_t seed = 1; seed <= histories(); ++seed) {
        UdpCluster cluster(members, seed);
        ASSERT_EQ(cluster.run_in_step(300), "") << "seed " << seed;
        chosen_anew += cluster.chosen_anew();
    }
    EXPECT_GT(chosen_anew, 10U);
}

TEST(UdpFlows, HaveOneBackendOnceAllHaveHeardOfEachOther) {
    Members members;
    for (std::uint64_t seed = 1; seed <= histories(); ++seed) {
        UdpCluster cluster(members, seed);
        ASSERT_EQ(cluster.run_late(300), "") << "seed " << seed;
    }
}

/// Each call of tell() looks at all flows then.
lbd::Exchange::Clock::time_point later() {
    static lbd::Exchange::Clock::time_point now;
    return now += std::chrono::hours(1);
}

/// Each tells the others all that is new, until nothing is.
void tell_each_other(std::vector<Member*> members) {
    for (int round = 0; round < 3; ++round)
        for (Member* member : members) {
            done(member->exchange().take_in(member->reconciler()));
            done(member->exchange().tell(member->reconciler(), later(), [&](const lbd::Exceptions& told) {
                for (Member* other : members)
                    if (other != member) other->exchange().take(told);
            }));
        }
}

// Only the balancer that had the path has noticed that the backend was dead.
class Reopened : public testing::Test {
  protected:
    Reopened() {
        world_.sticky = true;  // so each connection has an entry
        for (Member* member : {&first_, &second_}) member->change(world_);
        for (std::uint16_t client = 1; client <= clients; ++client) open(client);
        tell_each_other({&first_, &second_});
        former_ = backends_;
        world_.backends[2].up = false;
        first_.change(world_);
        for (const auto& [client, backend] : former_)
            if (backend == 2) open(client);
        world_.backends[2].up = true;
        first_.change(world_);
    }

    static Bytes packet(std::uint16_t client, unsigned flags) {
        return (Ethernet() / IPv4{.source = fmt::format("10.9.9.{}", client)} / TCP{.flags = flags}).bytes();
    }
    void open(std::uint16_t client) {
        (void)first_.send(packet(client, syn));
        backends_[client] = first_.send(packet(client, ack)).value();
        (void)first_.send(packet(client, ack));
    }
    void expect_agreement() {
        EXPECT_NE(former_, backends_);
        for (const auto& [client, backend] : backends_) {
            EXPECT_EQ(second_.send(packet(client, ack)), backend) << "was " << former_.at(client);
            EXPECT_EQ(first_.send(packet(client, ack)), backend);
        }
    }

    static constexpr std::uint16_t clients = 50;
    track::World world_;
    Member first_, second_;
    std::map<std::uint16_t, unsigned> former_, backends_;
};

TEST_F(Reopened, ConnectionsFromThePortOfAnOlderOneStayWhereTheyAre) {
    tell_each_other({&first_, &second_});
    expect_agreement();
}

// It had read the entry before the other one's took its place.
TEST_F(Reopened, AnEntryThatAPacketWritesBackIsNoNewChoice) {
    tell_each_other({&first_});
    const auto table = second_.reconciler().datapath().flows().table();
    const std::vector<lb_bucket> before(table.begin(), table.end());
    auto next = first_.exchange().everything(first_.reconciler());
    while (auto told = value(next())) second_.exchange().take(*std::move(told));
    done(second_.exchange().take_in(second_.reconciler()));
    std::ranges::copy(before, table.begin());
    done(second_.exchange().tell(second_.reconciler(), later(),
                                 [&](const lbd::Exceptions& told) { first_.exchange().take(told); }));
    tell_each_other({&first_, &second_});
    expect_agreement();
}

}  // namespace
}  // namespace culvert::packet
