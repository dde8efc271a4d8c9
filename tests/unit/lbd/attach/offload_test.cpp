// SPDX-License-Identifier: Apache-2.0
#include "lbd/attach/offload.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>

namespace culvert::lbd {
namespace {

using netlink::Link;
using testing::ElementsAre;
using testing::IsEmpty;

const std::set<std::string> merging{"rx-gro", "rx-gro-hw", "rx-lro"};
const std::set<std::string> in_hardware{"rx-gro-hw", "rx-lro"};
const std::set<std::string> of_a_card{"rx-gro-hw", "rx-lro", "rx-vlan-hw-parse", "rx-vlan-stag-hw-parse"};

Link link(std::uint32_t index, std::string name, std::string kind = {}, std::uint32_t master = 0,
          std::uint32_t lower = 0) {
    return {.index = index, .name = std::move(name), .kind = std::move(kind), .master = master, .lower = lower};
}

Links links(std::vector<Link> list) {
    Links links;
    for (Link& one : list) links[one.index] = std::move(one);
    return links;
}

Attachment program(std::uint32_t index, XdpMode mode = XdpMode::generic) {
    return {.ifindex = index, .name = {}, .mode = mode};
}

TEST(Offload, OfACardIsWhatItDoesByItself) {
    EXPECT_THAT(offloads_in_the_way({program(2)}, links({link(2, "eth0")})),
                ElementsAre(Offload{.ifindex = 2, .name = "eth0", .off = of_a_card}));
}

TEST(Offload, NativeXdpHasItsDriverSeeToIt) {
    EXPECT_THAT(offloads_in_the_way({program(2, XdpMode::native)}, links({link(2, "eth0")})), IsEmpty());
}

// eth0, eth1 ── bond0 ── bond0.5 ── br0; eth2 ── br0; eth3 is separate
TEST(Offload, OfAllThatIsBelowIsMerging) {
    const Links all =
        links({link(2, "eth0", "", 5), link(3, "eth1", "", 5), link(4, "eth2", "", 7), link(5, "bond0", "bond"),
               link(6, "bond0.5", "vlan", 7, 5), link(7, "br0", "bridge"), link(8, "eth3")});
    EXPECT_THAT(offloads_in_the_way({program(7)}, all),
                ElementsAre(Offload{.ifindex = 2, .name = "eth0", .off = merging},
                            Offload{.ifindex = 3, .name = "eth1", .off = merging},
                            Offload{.ifindex = 4, .name = "eth2", .off = merging},
                            Offload{.ifindex = 5, .name = "bond0", .off = merging},
                            Offload{.ifindex = 6, .name = "bond0.5", .off = merging},
                            Offload{.ifindex = 7, .name = "br0", .off = in_hardware}));
}

TEST(Offload, OfAVethIsNotThatOfItsOtherEndNorOfAnotherNamespace) {
    Link macvlan = link(4, "mv", "macvlan", 0, 2);
    macvlan.lower_netns = 0;
    const Links all = links({link(2, "a", "veth", 0, 3), link(3, "b", "veth", 0, 2), macvlan});
    EXPECT_THAT(offloads_in_the_way({program(2), program(4)}, all),
                ElementsAre(Offload{.ifindex = 2, .name = "a", .off = of_a_card},
                            Offload{.ifindex = 4, .name = "mv", .off = of_a_card}));
}

TEST(Offload, HidesTagsWhereFramesComeByAnotherDevice) {
    const Links all = links({link(2, "eth0", "", 3), link(3, "br0", "bridge"), link(4, "br0.10", "vlan", 0, 3),
                             link(5, "eth1"), link(6, "eth1.10", "vlan", 0, 5), link(7, "eth1.10.20", "vlan", 0, 6)});
    EXPECT_THAT(hidden_vlans(program(3), all), ElementsAre("br0.10"));
    EXPECT_THAT(hidden_vlans(program(3, XdpMode::native), all), IsEmpty());
    EXPECT_THAT(hidden_vlans(program(4), all), IsEmpty());
    EXPECT_THAT(hidden_vlans(program(5), all), IsEmpty());
    EXPECT_THAT(hidden_vlans(program(6), all), IsEmpty());  // the second tag is in the frame
}

TEST(Offload, UnfinishedChecksumsComeByVirtualDevices) {
    const Links all = links({link(2, "eth0"), link(3, "a", "veth"), link(4, "tap0", "tun"), link(5, "bond0", "bond"),
                             link(6, "b", "veth", 5)});
    const auto native = [&](std::uint32_t index) { return unfinished({program(index, XdpMode::native)}, all); };
    EXPECT_EQ(native(2), LB_UNFINISHED_NEVER);
    for (const std::uint32_t index : {3, 4, 5}) EXPECT_EQ(native(index), LB_UNFINISHED_HERE);
    EXPECT_EQ(unfinished({program(2)}, all), LB_UNFINISHED_KERNEL);
    EXPECT_EQ(unfinished({}, all), LB_UNFINISHED_NEVER);
}

TEST(Offload, WhatIsAboutToRunIsGuessed) {
    const auto modes = [](const std::vector<Attachment>& attached, Links ports, XdpMode wanted) {
        std::vector<XdpMode> found;
        for (const Attachment& one : expected_programs(attached, ports, wanted)) found.push_back(one.mode);
        return found;
    };
    using enum XdpMode;
    const Links cards = links({link(2, "eth0"), link(3, "eth1")});
    EXPECT_THAT(modes({}, cards, automatic), ElementsAre(native, native));
    EXPECT_THAT(modes({}, cards, generic), ElementsAre(generic, generic));
    EXPECT_THAT(modes({program(3)}, cards, automatic), ElementsAre(generic, generic));
    EXPECT_THAT(modes({}, links({link(2, "eth0"), link(3, "br0", "bridge")}), automatic),
                ElementsAre(generic, generic));
    Links left_behind = cards;
    left_behind[3].xdp = {.mode = XDP_ATTACHED_SKB, .program = 1};
    EXPECT_THAT(modes({}, left_behind, automatic), ElementsAre(generic, generic));
}

class OffloadPlanTest : public testing::Test {
  protected:
    OffloadPlan plan(const Originals& originals = {}) const {
        return plan_offloads(offloads_in_the_way(programs, all), originals, before, now, all);
    }

    Links all = links({link(2, "eth0", "", 3), link(3, "br0", "bridge")});
    std::vector<Attachment> programs{program(3)};
    FoundFeatures before{{2, {{"rx-gro", {.on = true}}, {"rx-lro", {.on = true}}}}};
    FoundFeatures now{{2, {{"rx-gro", {.on = true}}, {"rx-lro", {.on = false}}}}};  // the kernel has done that
    const Originals both{{2, {.name = "eth0", .on = {"rx-gro", "rx-lro"}}}};
};

TEST_F(OffloadPlanTest, TurnsOffWhatIsOnAndKnowsWhatWas) {
    const OffloadPlan expected{
        .originals = both, .turn_off = {{.ifindex = 2, .name = "eth0", .off = {"rx-gro"}}}, .turn_on = {}, .fixed = {}};
    EXPECT_EQ(plan(), expected);
}

TEST_F(OffloadPlanTest, TheFirstOriginalCounts) {
    before = now = {{2, {{"rx-gro", {}}, {"rx-lro", {}}}}};
    const OffloadPlan done{.originals = both, .turn_off = {}, .turn_on = {}, .fixed = {}};
    EXPECT_EQ(plan(both), done);
    EXPECT_EQ(plan(), OffloadPlan{});  // nothing was on
}

TEST_F(OffloadPlanTest, TurnsOnAgainWhatStandsInNobodysWay) {
    all[2].master = 0;
    const OffloadPlan expected{.originals = {},
                               .turn_off = {},
                               .turn_on = {{.ifindex = 2, .name = "eth0", .off = {"rx-gro", "rx-lro"}}},
                               .fixed = {}};
    EXPECT_EQ(plan(both), expected);
    all.erase(2);
    EXPECT_EQ(plan(both), OffloadPlan{});
}

TEST_F(OffloadPlanTest, NamesWhatCannotBeTurnedOff) {
    before = now = {{2, {{"rx-gro-hw", {.on = true, .fixed = true}}}}};
    const OffloadPlan expected{.originals = {},
                               .turn_off = {},
                               .turn_on = {},
                               .fixed = {{.ifindex = 2, .name = "eth0", .off = {"rx-gro-hw"}}}};
    EXPECT_EQ(plan(), expected);
    SCOPED_TRACE("text of card_always_merges");
    EXPECT_EQ(
        cannot_be_turned_off(expected.fixed.front()).message(),
        "balance by generic XDP on or above eth0: Operation not supported: its rx-gro-hw cannot be turned off "
        "(for a virtual machine: host_tso4=off,guest_tso4=off,guest_tso6=off,guest_ufo=off on its virtio-net device; "
        "or a card that has native XDP)");
}

TEST_F(OffloadPlanTest, TagsThatCannotBeLeftMatterOnlyWhereThereAreVlans) {
    all = links({link(2, "eth0")});
    programs = {program(2)};
    before = now = {{2, {{"rx-vlan-hw-parse", {.on = true, .fixed = true}}}}};
    EXPECT_EQ(plan(), OffloadPlan{});
    all[3] = link(3, "eth0.10", "vlan", 0, 2);
    EXPECT_THAT(plan().fixed, ElementsAre(Offload{.ifindex = 2, .name = "eth0", .off = {"rx-vlan-hw-parse"}}));
}

}  // namespace
}  // namespace culvert::lbd
