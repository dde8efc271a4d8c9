// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netfilter.h>

#include <cerrno>

#include "netlink/nftables/codec.hpp"
#include "tests/unit/netlink/nftables_recorded.hpp"

namespace culvert::netlink::nft {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

Prefix prefix(std::string_view text) { return Prefix::parse(text).value(); }

/// What nft makes of recorded_ruleset's table "culvert".
Table recorded_table() {
    const std::vector balancers{prefix("10.0.0.1"), prefix("10.0.1.0/24")};
    return {
        .name = "culvert",
        .sets = {{"balancers", Set::of(Family::ipv4, balancers)}},
        .chains =
            {
                {"l3dsr",
                 {.hook = Hook{HookPoint::prerouting, priority_raw},
                  .rules =
                      {
                          Rule{}
                              .nfproto(Family::ipv4)
                              .dscp(Family::ipv4, 2)
                              .set_daddr(ip("192.0.2.1"))
                              .counter()
                              .notrack()
                              .with_comment("dns"),
                          Rule{}.nfproto(Family::ipv6).dscp(Family::ipv6, 2).set_daddr(ip("2001:db8::1")).notrack(),
                          Rule{}
                              .nfproto(Family::ipv4)
                              .saddr_not_in(Family::ipv4, "balancers")
                              .fib_daddr_local()
                              .jump("strangers"),
                      }}},
                {"strangers", {.hook = {}, .rules = {Rule{}.limit(5).drop()}}},
            },
    };
}

// The expected expressions are those of `nft --debug=netlink` 1.0.6 for the rule in the comment.

TEST(NftablesRule, L3dsrV4) {  // ip dscp 2 ip daddr set 192.0.2.1 notrack
    EXPECT_THAT(
        Rule{}.nfproto(Family::ipv4).dscp(Family::ipv4, 2).set_daddr(ip("192.0.2.1")).notrack().expressions,
        ElementsAre(Meta{MetaKey::nfproto}, Compare{Comparison::eq, {NFPROTO_IPV4}}, PayloadLoad{Header::network, 1, 1},
                    Bitwise{{0xfc}, {0}}, Compare{Comparison::eq, {0x08}}, Immediate{{192, 0, 2, 1}},
                    PayloadStore{Header::network, 16, 4, {.type = 1, .offset = 10, .flags = 1}}, Notrack{}));
}

TEST(NftablesRule, L3dsrV6) {  // ip6 dscp 2 ip6 daddr set 2001:db8::1 notrack
    EXPECT_THAT(
        Rule{}.nfproto(Family::ipv6).dscp(Family::ipv6, 2).set_daddr(ip("2001:db8::1")).notrack().expressions,
        ElementsAre(Meta{MetaKey::nfproto}, Compare{Comparison::eq, {NFPROTO_IPV6}}, PayloadLoad{Header::network, 0, 2},
                    Bitwise{{0x0f, 0xc0}, {0, 0}}, Compare{Comparison::eq, {0x00, 0x80}},
                    Immediate{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
                    PayloadStore{Header::network, 24, 16, {.type = 0, .offset = 0, .flags = 1}}, Notrack{}));
}

TEST(NftablesRule, DscpSpansTheBytesOfAnIpv6Header) {  // ip6 dscp 46
    EXPECT_EQ(Rule{}.dscp(Family::ipv6, 46).expressions.back(), Expression(Compare{Comparison::eq, {0x0b, 0x80}}));
}

TEST(NftablesRule, InterfaceNameIsComparedToItsEnd) {
    const Bytes name{'t', 'u', 'n', 'l', '0', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    EXPECT_THAT(Rule{}.iifname("tunl0").expressions,
                ElementsAre(Meta{MetaKey::iifname}, Compare{Comparison::eq, name}));
    EXPECT_THAT(Rule{}.iifname("tun*").expressions,
                ElementsAre(Meta{MetaKey::iifname}, Compare{Comparison::eq, {'t', 'u', 'n'}}));
}

TEST(NftablesRule, PrefixOfWholeBytesIsAShortComparison) {  // ip saddr 10.0.1.0/24
    EXPECT_THAT(Rule{}.saddr(prefix("10.0.1.77/24")).expressions,
                ElementsAre(PayloadLoad{Header::network, 12, 3}, Compare{Comparison::eq, {10, 0, 1}}));
}

TEST(NftablesRule, OtherPrefixIsMasked) {  // ip daddr 10.0.1.128/25
    EXPECT_THAT(Rule{}.daddr(prefix("10.0.1.200/25")).expressions,
                ElementsAre(PayloadLoad{Header::network, 16, 4}, Bitwise{{0xff, 0xff, 0xff, 0x80}, {0, 0, 0, 0}},
                            Compare{Comparison::eq, {10, 0, 1, 128}}));
}

TEST(NftablesRule, TransportMatch) {  // udp dport 5080 drop
    EXPECT_THAT(Rule{}.l4proto(17).dport(5080).drop().expressions,
                ElementsAre(Meta{MetaKey::l4proto}, Compare{Comparison::eq, {17}}, PayloadLoad{Header::transport, 2, 2},
                            Compare{Comparison::eq, {0x13, 0xd8}}, Verdict{NF_DROP, {}}));
}

TEST(NftablesSet, PrefixesThatOverlapOrTouchAreJoined) {
    const std::vector prefixes{prefix("10.0.0.0/25"), prefix("10.0.0.128/25"), prefix("10.0.0.7"), prefix("10.0.2.1"),
                               prefix("fd00::/64")};
    EXPECT_THAT(Set::of(Family::ipv4, prefixes).elements,
                ElementsAre(Interval{{10, 0, 0, 0}, {10, 0, 0, 255}}, Interval{{10, 0, 2, 1}, {10, 0, 2, 1}}));
}

TEST(NftablesSet, ReachesFromTheFirstValueToTheLast) {
    const std::vector prefixes{prefix("255.255.255.255"), prefix("0.0.0.0/0")};
    EXPECT_THAT(Set::of(Family::ipv4, prefixes).elements, ElementsAre(Interval{{0, 0, 0, 0}, {255, 255, 255, 255}}));
    EXPECT_THAT(Set::of(Family::ipv6, prefixes).elements, IsEmpty());
}

TEST(NftablesDecode, RecordedRuleset) {
    const auto table = decode(recorded_ruleset, TableFamily::inet, "culvert");
    ASSERT_TRUE(table) << table.error().message();
    EXPECT_EQ(*table, recorded_table());
}

TEST(NftablesDecode, TableThatIsNotThere) {
    const auto table = decode(recorded_ruleset, TableFamily::inet, "culv");
    ASSERT_TRUE(table) << table.error().message();
    EXPECT_EQ(*table, std::nullopt);
    EXPECT_EQ(decode(recorded_ruleset, TableFamily::ipv4, "culvert").value(), std::nullopt);
    EXPECT_EQ(decode({}, TableFamily::inet, "culvert").value(), std::nullopt);
}

TEST(NftablesDecode, OneChangeIsADifference) {
    Table table = decode(recorded_ruleset, TableFamily::inet, "culvert").value().value();
    table.chains["l3dsr"].rules[0].comment = "http";
    EXPECT_NE(table, recorded_table());
    table = recorded_table();
    table.sets["balancers"].elements.pop_back();
    EXPECT_NE(table, recorded_table());
}

TEST(NftablesDecode, EveryTruncationIsAnErrorOrALesserTable) {
    for (std::size_t size = 0; size < recorded_ruleset.size(); ++size) {
        const std::vector<std::uint8_t> cut(recorded_ruleset.begin(),
                                            recorded_ruleset.begin() + static_cast<std::ptrdiff_t>(size));
        const auto table = decode(cut, TableFamily::inet, "culvert");
        if (table)
            EXPECT_NE(*table, recorded_table()) << size;
        else
            EXPECT_EQ(table.error().code, EBADMSG) << size;
    }
}

TEST(NftablesEncode, DecodesToWhatItEncoded) {
    Table table = recorded_table();
    table.chains["strangers"] = {.hook = {}, .rules = {Rule{}.iifname("tun*").l4proto(17).accept()}};
    table.sets.clear();  // libnftnl numbers the elements of a set in a way that it does not read itself
    table.flags = NFT_TABLE_F_DORMANT;
    const auto decoded = decode(encode_replace(table, true, 1).bytes, TableFamily::inet, "culvert");
    ASSERT_TRUE(decoded) << decoded.error().message();
    EXPECT_EQ(*decoded, table);
}

TEST(NftablesEncode, NamesWhatEachMessageIsAbout) {
    const std::vector vips{prefix("192.0.2.1")};
    const Table table{
        .name = "culvert",
        .sets = {{"vips", Set::of(Family::ipv4, vips)}},
        .chains = {{"l3dsr", {.hook = {}, .rules = {Rule{}.saddr_in(Family::ipv4, "vips"), Rule{}.drop()}}}}};
    EXPECT_THAT(encode_replace(table, true, 1).objects,
                ElementsAre("culvert", "table culvert", "table culvert", "set culvert vips", "set culvert vips",
                            "chain culvert l3dsr", "rule 1 of chain culvert l3dsr", "rule 2 of chain culvert l3dsr",
                            "culvert"));
    EXPECT_THAT(encode_remove(TableFamily::inet, "culvert", 1).objects,
                ElementsAre("culvert", "table culvert", "culvert"));
}

TEST(NftablesEncode, SplitsALargeSet) {
    std::vector<Prefix> prefixes;
    for (std::uint32_t i = 0; i < 20'000; ++i)
        prefixes.push_back(Prefix::host(
            *IpAddress::from_bytes(Bytes{10, static_cast<std::uint8_t>(i >> 14), static_cast<std::uint8_t>(i >> 6),
                                         static_cast<std::uint8_t>(i << 2)})));
    const Batch batch =
        encode_replace({.name = "culvert", .sets = {{"vips", Set::of(Family::ipv4, prefixes)}}}, false, 1);
    EXPECT_GT(std::ranges::count(batch.objects, "set culvert vips"), 10);
}

}  // namespace
}  // namespace culvert::netlink::nft
