// SPDX-License-Identifier: Apache-2.0
//
// No connection is lost when balancers come and go, and backends change at the same moment.
#include <gmock/gmock.h>

#include <array>
#include <string>
#include <utility>

#include "tests/netns/cluster.hpp"
#include "tests/netns/outcome.hpp"

namespace culvert::netns {
namespace {

enum class Change { added, drained, dead, returned, reloaded, reloaded_on_two };
using enum Change;

/// What changes as a balancer goes, and as it comes back.
struct Round {
    Change going;
    Change coming;
};

class LbdTakeover : public ClusterTest {
  protected:
    /// `one`: the balancer that goes or comes at this moment.
    void change(Change what, int one, const Balancers& reachable) {
        switch (what) {
            case added:
                ++wanted_.backends;
                return reload(reachable, wanted_);
            case drained:
                wanted_.drained.insert(drains_++ == 0 ? 0 : 3);
                return reload(reachable, wanted_);
            case reloaded:
            case reloaded_on_two:
                wanted_.drained.clear();
                wanted_.weights[++reloads_ % 4] += 2;
                return reload(what == reloaded ? reachable : Balancers{one, (one + 1) % balancers}, wanted_);
            case dead:
                outcome_.died(++dead_);
                return cut(backend(dead_));
            case returned:
                mend(backend(dead_));
                return outcome_.returned(dead_);
        }
    }
    /// All of these know of the change.
    [[nodiscard]] bool is_known(Change what, const Balancers& these) {
        if (what == dead) return find(these, dead_, "down");
        if (what == returned) return find(these, dead_, "up");
        if (what == added) return find(these, wanted_.backends - 1, "up");
        return true;
    }
    /// Returns when the router has noticed.
    void expect_route_to(const Balancers& these, const std::string& name, Clock::time_point begin) {
        ASSERT_TRUE(eventually([&] { return leads_to(these); })) << routes();
        outcome_.moved(name, begin, Clock::now());
    }

    Wanted wanted_;

  private:
    int drains_ = 0;
    int reloads_ = 0;
    int dead_ = 0;
};

enum class Departure { cut_off, killed, left };

class LbdGoes : public LbdTakeover, public testing::WithParamInterface<Departure> {
  protected:
    void go(int one) {
        switch (GetParam()) {
            case Departure::cut_off:
                return cut(host(one));
            case Departure::killed:
                lbd(one).signal(SIGKILL);  // at the same moment: nobody knows of what begins between the two
                (void)bird(one).stop(SIGKILL);
                (void)lbd(one).wait();
                return;
            case Departure::left:
                host(one).must(CULVERT_LBD " leave");
                return;
        }
    }
    void come(int one) {
        switch (GetParam()) {
            case Departure::cut_off:
                return mend(host(one));
            case Departure::killed:
                start(one, config(wanted_));
                // As the routes are still there, BIRD leads packets here at once.
                host(one).must(CULVERT_LBD " ready --joined --wait");
                return start_bird(one);
            case Departure::left:
                host(one).must(CULVERT_LBD " join");
                return;
        }
    }

    void run(int one, const Round& round) {
        const Balancers others = without(one);
        auto begin = Clock::now();
        if (round.going == reloaded_on_two) change(round.going, one, others);
        go(one);
        if (round.going != reloaded_on_two) change(round.going, one, GetParam() == Departure::left ? all : others);
        ASSERT_NO_FATAL_FAILURE(expect_route_to(others, host(one).name() + " goes", begin));
        ASSERT_TRUE(is_known(round.going, others));
        some_traffic();
        if (round.going == reloaded_on_two) reload(others, wanted_);

        begin = Clock::now();
        come(one);
        change(round.coming, one, all);
        if (round.coming == dead || round.coming == returned) reload({one}, wanted_);
        ASSERT_NO_FATAL_FAILURE(expect_route_to(all, host(one).name() + " comes", begin));
        ASSERT_TRUE(eventually([&] { return are_joined(all); }));
        ASSERT_TRUE(is_known(round.coming, all));
        some_traffic();
        if (round.coming == reloaded_on_two) reload(all, wanted_);
    }
};

TEST_P(LbdGoes, AndComesBackWhileBackendsChange) {
    constexpr std::array<Round, 6> rounds{{{added, drained},
                                           {dead, returned},
                                           {drained, added},
                                           {reloaded, dead},
                                           {returned, reloaded_on_two},
                                           {reloaded_on_two, reloaded}}};
    ASSERT_NO_FATAL_FAILURE(start_all());
    Traffic traffic = this->traffic();
    int number = 0;
    for (const Round& round : rounds) {
        SCOPED_TRACE(fmt::format("round {}", number));
        ASSERT_NO_FATAL_FAILURE(run(number++ % balancers, round));
    }
    expect_kept(stop(traffic));
}

std::string name_of(const testing::TestParamInfo<Departure>& one) {
    constexpr std::array names{"cut_off", "killed", "left"};
    return names[static_cast<std::size_t>(one.param)];
}
INSTANTIATE_TEST_SUITE_P(When, LbdGoes, testing::Values(Departure::cut_off, Departure::killed, Departure::left),
                         name_of);

// Each forgets all connections, and gets what the others know before packets reach it.
TEST_F(LbdTakeover, EachIsUpgradedWhileBackendsChange) {
    constexpr std::array<Round, balancers> rounds{{{dead, returned}, {added, drained}, {reloaded, reloaded_on_two}}};
    ASSERT_NO_FATAL_FAILURE(start_all());
    Traffic traffic = this->traffic();
    for (int one = 0; one < balancers; ++one) {
        const auto& [going, coming] = rounds[static_cast<std::size_t>(one)];
        SCOPED_TRACE(host(one).name());
        auto begin = Clock::now();
        Process leave = host(one).spawn(CULVERT_LBD " leave --wait");
        change(going, one, all);
        ASSERT_NO_FATAL_FAILURE(expect_route_to(without(one), "one leaves", begin));
        ASSERT_TRUE(leave.wait().ok());
        host(one).must(CULVERT_LBD " stop --detach");
        (void)lbd(one).wait();
        start(one, config(wanted_));
        ASSERT_TRUE(eventually([&] { return are_joined(all); }));
        ASSERT_TRUE(is_known(going, all));
        begin = Clock::now();
        host(one).must(CULVERT_LBD " join");
        change(coming, one, all);
        ASSERT_NO_FATAL_FAILURE(expect_route_to(all, "one joins", begin));
        ASSERT_TRUE(is_known(coming, all));
        some_traffic();
    }
    reload(all, wanted_);
    expect_kept(stop(traffic));
}

// Proves that the other tests would notice.
TEST_F(LbdTakeover, ConnectionsAreBrokenIfNothingIsShared) {
    peers_in = "";
    ASSERT_NO_FATAL_FAILURE(start_all());
    Traffic traffic = this->traffic();
    change(added, 0, all);
    ASSERT_TRUE(is_known(added, all));
    some_traffic(8'000);  // so that many connections with the new backend are no longer young
    const auto begin = Clock::now();
    host(0).must(CULVERT_LBD " leave");
    ASSERT_NO_FATAL_FAILURE(expect_route_to(without(0), "one goes", begin));
    some_traffic();
    const auto result = stop(traffic);
    EXPECT_FALSE(result.broken.empty()) << result.summary();
}

}  // namespace
}  // namespace culvert::netns
