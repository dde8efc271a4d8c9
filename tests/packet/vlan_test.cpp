// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/packet/balancer.hpp"
#include "tests/packet/paths.hpp"

namespace culvert::packet {
namespace {

using Tags = std::vector<lbd::VlanTag>;

/// The frame with tags behind its Ethernet header.
Packet tagged(const Tags& tags, const Packet& frame) {
    const Bytes bytes = frame.bytes();
    const auto at = [&](std::ptrdiff_t offset) { return bytes.begin() + offset; };
    Bytes result(at(0), at(12));
    for (const auto& [id, protocol] : tags)
        for (const unsigned value : {protocol >> 8, protocol & 0xff, id >> 8, id & 0xff})
            result.push_back(static_cast<std::uint8_t>(value));
    result.insert(result.end(), at(12), bytes.end());
    return Payload{result};
}

class VlanTest : public BalancerTest {};

TEST_F(VlanTest, EveryPathTakesTheTagsOfTheBackendsLinkWhateverTheClientsHad) {
    const Tags one{{.id = 100}}, two{{.id = 200, .protocol = 0x88a8}, {.id = 100}};
    const Sent sent{.data = payload(33)};
    for (const Path& path : all_paths()) {
        Balancer& balancer = shared();
        install(balancer, path);
        const Entropy entropy = entropy_of(path, balancer.receive(sent_frame(path, sent)).frame);
        for (const Tags& in : {Tags{}, one, two})
            for (const Tags& out : {Tags{}, one, two}) {
                SCOPED_TRACE(name(path) + ' ' + std::to_string(in.size()) + " to " + std::to_string(out.size()));
                lbd::NextHop next = next_hop(path);
                next.tags = out;
                balancer.set_dest(1, body(path, next));
                const Outcome outcome = balancer.receive(tagged(in, sent_frame(path, sent)));
                EXPECT_EQ(outcome.fate, "tx");
                EXPECT_TRUE(same(tagged(out, forwarded_frame(path, sent, entropy)), outcome.frame));
            }
    }
}

// A packet with a tag of a VLAN that this host isn't in must stay in that VLAN.
TEST_F(VlanTest, FramesOfOtherVlansPassUntouched) {
    Balancer balancer;
    install(balancer, all_paths().front());
    balancer.set_own({.macs = {{.port = 1, .mac = {{2, 0, 0, 0, 0, 2}}}}, .vlans = {10, 20, 4095}});
    const Packet ours = sent_frame(all_paths().front(), {});
    const auto fate = [&](const Tags& tags) {
        const Packet frame = tagged(tags, ours);
        const Outcome outcome = balancer.receive(frame);
        if (outcome.fate == "pass") {
            EXPECT_TRUE(same(frame, outcome.frame));
        }
        return outcome.fate;
    };
    for (const Tags& tags : {Tags{},
                             {{.id = 10}},
                             {{.id = 0xe00a}},
                             {{.id = 4095}},
                             {{.id = 0}},
                             {{.id = 10}, {.id = 20}},
                             {{.id = 10}, {.id = 0}},
                             {{.id = 0}, {.id = 10}},
                             {{.id = 0}, {.id = 0}}})
        EXPECT_EQ(fate(tags), "tx") << tags.size() << (tags.empty() ? 0 : tags.front().id);
    for (const Tags& tags :
         {Tags{{.id = 11}}, {{.id = 74}}, {{.id = 10}, {.id = 11}}, {{.id = 11}, {.id = 20}}, {{.id = 0}, {.id = 11}}})
        EXPECT_EQ(fate(tags), "pass") << tags.front().id;
}

lb_config without_vlans() {
    lb_config config = all_on();
    config.vlan = 0;
    return config;
}

// A tag of VLAN 0 only has a priority, in its upper three bits: IEEE 802.1Q, section 9.6.
TEST_F(VlanTest, PriorityTagsMakeNoDifferenceWhereThereAreNoVlans) {
    constexpr std::uint16_t priority = 0xe000;
    const Tags one{{.id = priority}}, other{{.id = 0, .protocol = 0x88a8}},
        two{{.id = priority, .protocol = 0x88a8}, {.id = 0}};
    const Sent sent{.data = payload(33)};
    Balancer balancer(without_vlans());
    for (const Path& path : all_paths()) {
        install(balancer, path);
        const Entropy entropy = entropy_of(path, balancer.receive(sent_frame(path, sent)).frame);
        for (const Tags& tags : {one, other, two}) {
            SCOPED_TRACE(name(path) + ' ' + std::to_string(tags.size()));
            const Outcome outcome = balancer.receive(tagged(tags, sent_frame(path, sent)));
            EXPECT_EQ(outcome.fate, "tx");
            EXPECT_TRUE(same(forwarded_frame(path, sent, entropy), outcome.frame));
        }
    }
}

TEST_F(VlanTest, TagsOfNobodysVlansAndPriorityTagsForOthersPassUntouched) {
    Balancer balancer(without_vlans());
    install(balancer, all_paths().front());
    const Packet ours = sent_frame(all_paths().front(), {});
    const Packet others4 = Ethernet() / IPv4{.destination = "192.0.2.99"} / TCP();
    const Packet others6 = Ethernet() / IPv6{.destination = "2001:db8::99"} / TCP();
    const Tags zero{{.id = 0}}, ten{{.id = 10}}, zero_ten{{.id = 0}, {.id = 10}}, ten_zero{{.id = 10}, {.id = 0}};
    for (const Packet& frame : {tagged(ten, ours), tagged(zero_ten, ours), tagged(ten_zero, ours),
                                tagged(zero, others4), tagged(zero, others6), tagged(Tags{{}, {}, {}}, ours),
                                tagged(zero, Ethernet{.type = 0x0806} / payload(46))}) {
        const Outcome outcome = balancer.receive(frame);
        EXPECT_EQ(outcome.fate, "pass");
        EXPECT_TRUE(same(frame, outcome.frame));
    }
}

}  // namespace
}  // namespace culvert::packet
