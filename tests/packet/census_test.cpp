// SPDX-License-Identifier: Apache-2.0
#include "lbd/forecast/census.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lbd/forecast/tally.hpp"
#include "tests/packet/member.hpp"
#include "tests/packet/packet.hpp"
#include "tests/packet/result.hpp"

namespace culvert::packet {
namespace {

constexpr unsigned flows = 40;

/// Flows of UDP whose packets have come to the first one of two balancers.
class CensusTest : public testing::Test {
  protected:
    CensusTest() {
        world_.protocol = lbd::Protocol::udp;
        for (Member* member : {&first_, &second_}) member->change(world_);
        for (unsigned flow = 0; flow < flows; ++flow) use(first_, flow);
        tell();
    }

    void use(const Member& member, unsigned flow) {
        const Bytes frame =
            (Ethernet() / IPv4{.source = fmt::format("10.7.7.{}", flow)} / UDP{.destination = 80}).bytes();
        for (int packets = 0; packets < 2; ++packets) ASSERT_TRUE(member.send(frame));
    }
    /// The first one tells the second one what is new.
    void tell() {
        now_ += std::chrono::hours(1);
        done(first_.exchange().tell(first_.reconciler(), now_,
                                    [&](const lbd::Exceptions& told) { second_.exchange().take(told); }));
        done(second_.exchange().take_in(second_.reconciler()));
        done(second_.exchange().tell(second_.reconciler(), now_, [](const lbd::Exceptions& /*told*/) {}));
    }
    [[nodiscard]] static std::uint64_t counted(Member& member, const std::string& service) {
        const auto none = [](const lbd::TablePlace& /*place*/) { return std::vector<std::uint16_t>(); };
        lbd::Census census(lbd::Tally({{.service = service}}, member.reconciler().image(), none, {}));
        while (!value(census.look(member.reconciler().datapath().flows(), member.exchange()))) {
        }
        return census.tally().counts().at(0).live;
    }
    [[nodiscard]] std::uint64_t counted(Member& member) { return counted(member, world_.name()); }

    track::World world_;
    Member first_, second_{2 * LB_FLOW_LEAST_PART};
    lbd::Exchange::Clock::time_point now_;
};

TEST_F(CensusTest, AFlowIsCountedByTheBalancerThatItsPacketsReach) {
    EXPECT_EQ(counted(first_), flows);
    EXPECT_EQ(counted(second_), 0U);
    for (unsigned flow = flows; flow < flows + 10; ++flow) use(second_, flow);
    EXPECT_EQ(counted(second_), 10U);
}

// All that remain would count the flows of one that is gone.
TEST_F(CensusTest, NobodyCountsTheFlowsOfALostPeerUntilTheirPacketsComeHere) {
    second_.exchange().forget_peers();
    EXPECT_EQ(counted(second_), 0U);
}

TEST_F(CensusTest, FlowsThatHaveMovedToAnotherPartAreStillThoseOfThePeer) {
    for (const unsigned shift : {0U, 1U}) {
        second_.use_part(shift);
        EXPECT_EQ(counted(second_), 0U);
        tell();
        EXPECT_EQ(counted(second_), 0U);
    }
}

TEST_F(CensusTest, FlowsOfAServiceThatGetsAnotherNameAreStillThoseOfThePeer) {
    world_.service_name = 1;
    second_.change(world_);
    tell();
    EXPECT_EQ(counted(second_), 0U);
}

}  // namespace
}  // namespace culvert::packet
