// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>

#include "lbd/path_mtu/path_mtus.hpp"
#include "lbd/path_mtu/quotation.hpp"
#include "lbd/path_mtu/sent.hpp"
#include "tests/unit/lbd/path_mtu/quotes.hpp"

namespace culvert::lbd {
namespace {

using namespace std::chrono_literals;

constexpr auto ipv4 = Family::ipv4;
constexpr auto ipv6 = Family::ipv6;

const IpAddress router = address("fe80::66");

IpAddress backend_of(Family outer) { return address(outer == ipv4 ? "10.9.0.3" : "fd09::3"); }

FlowKey key() {
    lb_config config{};
    config.hash_final = 0x0123456789abcdef;
    for (std::uint32_t i = 0; i < 10; ++i) config.hash_key[i] = 0x9e3779b9U * (i + 1);
    return FlowKey(config);
}

NextHop hop_to(const IpAddress& backend) {
    NextHop hop{.ifindex = 7,
                .source = {{2, 0, 0, 0, 0, 2}},
                .destination = {{2, 0, 0, 0, 0, 3}},
                .from = address(backend.is_v4() ? "10.0.0.2" : "fd00::2"),
                .mtu = 1500};
    if (backend.is_v4()) hop.identification = key().identification(hop.from, backend);
    return hop;
}

FlowTuple flow_of(Family inner, std::uint8_t protocol = IPPROTO_TCP) {
    return {.client = address(inner == ipv4 ? "198.51.100.9" : "2001:db8:9::9"),
            .vip = address(inner == ipv4 ? "192.0.2.1" : "2001:db8::1"),
            .client_port = 40000,
            .port = 80,
            .protocol = protocol};
}

struct Path {
    const char* name;
    Encap encap;
    bool has_port = false;
};
void PrintTo(const Path& path, std::ostream* out) { *out << path.name; }

const Path paths[] = {
    {"Ipip", Ipip{}},
    {"Gre", Gre{}},
    {"Fou", Fou{.port = 5004}, true},
    {"FouGre", Fou{.port = 5004, .gre = true}, true},
    {"Gue", Gue{.port = 5080}, true},
    {"Gue1", Gue{.port = 5080, .variant = 1}, true},
    {"GueGre", Gue{.port = 5080, .gre = true}, true},
    {"Geneve", Geneve{.vni = 666, .mac = {{2, 0, 0, 0, 0, 9}}}, true},
};

Services::Shared service(const Encap& encap, Family inner, Family outer) {
    Service made{.name = "web", .vip = flow_of(inner).vip, .ports = {{Protocol::tcp, 80}}, .backends = {}};
    made.backends.push_back({.name = "b", .address = backend_of(outer), .encap = encap});
    return std::make_shared<const Service>(std::move(made));
}

Bytes sent(const Encap& encap, Family inner, Family outer, std::size_t length) {
    const IpAddress backend = backend_of(outer);
    return quotes::sent(encap, backend, hop_to(backend), key(), flow_of(inner), length);
}

/// As a router quotes its first `length` bytes.
std::optional<Quotation> quoted(const Bytes& packet, std::uint16_t mtu, std::size_t length = 528) {
    return packet[0] >> 4 == 4 ? read_quotation4(quotes::frag_needed(mtu, packet, length))
                               : read_quotation6(quotes::too_big(mtu, packet, length), router);
}

tl::expected<Proof, Doubt> check(const Quotation& quotation, const Encap& encap, Family inner, Family outer) {
    Sent all;
    all.add(service(encap, inner, outer));
    return all.check(quotation, hop_to(backend_of(outer)), key());
}

class EveryPath : public testing::TestWithParam<Path> {};
INSTANTIATE_TEST_SUITE_P(Of, EveryPath, testing::ValuesIn(paths), [](const auto& test) { return test.param.name; });

TEST_P(EveryPath, WhatWasSentIsKnownAgain) {
    for (const Family inner : {ipv4, ipv6}) {
        for (const Family outer : {ipv4, ipv6}) {
            const auto quotation = quoted(sent(GetParam().encap, inner, outer, 1400), 1300);
            ASSERT_TRUE(quotation);
            const auto checked = check(*quotation, GetParam().encap, inner, outer);
            ASSERT_TRUE(checked) << static_cast<int>(checked.error());
            EXPECT_EQ(*checked, GetParam().has_port ? Proof::flow
                                : outer == ipv4     ? Proof::identification
                                                    : Proof::flow_label);
        }
    }
}

TEST_P(EveryPath, ARouterMayQuoteAsLittleAsItsStandardAllows) {
    for (const Family inner : {ipv4, ipv6}) {
        const auto eight_bytes = quoted(sent(GetParam().encap, inner, ipv4, 1400), 1300, 28);
        ASSERT_TRUE(eight_bytes);
        EXPECT_EQ(check(*eight_bytes, GetParam().encap, inner, ipv4), Proof::identification);
        const auto too_little = quoted(sent(GetParam().encap, inner, ipv6, 1400), 1300, 48);
        ASSERT_TRUE(too_little);
        EXPECT_EQ(check(*too_little, GetParam().encap, inner, ipv6), tl::unexpected(Doubt::too_short));
    }
}

TEST_P(EveryPath, OfEveryLengthAQuotationIsReadAndFalselyBelievedNever) {
    for (const Family outer : {ipv4, ipv6}) {
        Bytes packet = sent(GetParam().encap, ipv4, outer, 1400);
        const std::size_t vip = packet.size() - 1400 + 16;
        packet[vip] ^= 1;  // an inner packet to no VIP
        for (std::size_t length = 0; length < 200; ++length) {
            const auto quotation = quoted(packet, 1300, length);
            if (!quotation) continue;
            EXPECT_EQ(check(*quotation, GetParam().encap, ipv4, outer).has_value(), outer == ipv4 && length < vip + 8)
                << length;
        }
    }
}

struct Lie {
    const char* name;
    std::function<void(Bytes&)> change;
    Doubt doubt;
};
void PrintTo(const Lie& lie, std::ostream* out) { *out << lie.name; }

/// Offsets in GUE over IPv4 with inner IPv4.
constexpr std::size_t udp = 20, gue = 28, inside = 32;

const Lie lies[] = {
    {"Source", [](Bytes& packet) { packet[15] = 9; }, Doubt::source},
    {"Backend", [](Bytes& packet) { packet[19] = 9; }, Doubt::destination},
    {"Protocol", [](Bytes& packet) { packet[9] = IPPROTO_IPIP; }, Doubt::encapsulation},
    {"Identification", [](Bytes& packet) { packet[5] ^= 1; }, Doubt::header},
    {"MayBeFragmented", [](Bytes& packet) { packet[6] = 0; }, Doubt::header},
    {"IsAFragment", [](Bytes& packet) { packet[7] = 1; }, Doubt::header},
    {"Fits", [](Bytes& packet) { quotes::put16(packet, 2, 1300); }, Doubt::length},
    {"IsTooLongToHaveLeft", [](Bytes& packet) { quotes::put16(packet, 2, 1501); }, Doubt::length},
    {"Port", [](Bytes& packet) { packet[udp + 3] ^= 1; }, Doubt::encapsulation},
    {"PortThatIsNotEphemeral", [](Bytes& packet) { packet[udp] = 0; }, Doubt::encapsulation},
    {"LengthOfUdp", [](Bytes& packet) { packet[udp + 5] ^= 1; }, Doubt::encapsulation},
    {"GueHeader", [](Bytes& packet) { packet[gue + 1] = IPPROTO_IPV6; }, Doubt::encapsulation},
    {"LengthInside", [](Bytes& packet) { packet[inside + 3] ^= 1; }, Doubt::encapsulation},
    {"FamilyInside", [](Bytes& packet) { packet[inside] = 0x60; }, Doubt::encapsulation},
    {"ProtocolInside", [](Bytes& packet) { packet[inside + 9] = IPPROTO_ICMP; }, Doubt::inner},
    {"FragmentInside", [](Bytes& packet) { packet[inside + 7] = 1; }, Doubt::inner},
    {"ClientInside", [](Bytes& packet) { packet[inside + 15] ^= 1; }, Doubt::flow},
    {"VipInside", [](Bytes& packet) { packet[inside + 19] ^= 1; }, Doubt::flow},
    {"SourcePortOfTheFlow", [](Bytes& packet) { packet[udp + 1] ^= 1; }, Doubt::flow},
};

class EveryLie : public testing::TestWithParam<Lie> {};
INSTANTIATE_TEST_SUITE_P(About, EveryLie, testing::ValuesIn(lies), [](const auto& test) { return test.param.name; });

TEST_P(EveryLie, IsDoubted) {
    const Encap encap = Gue{.port = 5080};
    Bytes packet = sent(encap, ipv4, ipv4, 1400);
    GetParam().change(packet);
    const auto quotation = quoted(packet, 1300);
    ASSERT_TRUE(quotation);
    EXPECT_EQ(check(*quotation, encap, ipv4, ipv4), tl::unexpected(GetParam().doubt));
}

// The secrets are correct, as if somebody had seen the flow's packets elsewhere.
TEST(Quotations, AboutAFlowOfNoServiceThatHasTheBackendAreDoubted) {
    const Encap encap = Gue{.port = 5080};
    for (const auto change : {+[](FlowTuple& flow) { flow.port = 81; }, +[](FlowTuple& flow) { flow.protocol = 17; },
                              +[](FlowTuple& flow) { flow.vip = address("192.0.2.2"); }}) {
        FlowTuple flow = flow_of(ipv4);
        change(flow);
        const auto packet = quotes::sent(encap, backend_of(ipv4), hop_to(backend_of(ipv4)), key(), flow, 1400);
        EXPECT_EQ(check(*quoted(packet, 1300), encap, ipv4, ipv4), tl::unexpected(Doubt::inner));
    }
}

TEST(Quotations, WithAnotherFlowLabelAreDoubted) {
    Bytes packet = sent(Ipip{}, ipv4, ipv6, 1400);
    packet[3] ^= 1;
    EXPECT_EQ(check(*quoted(packet, 1300), Ipip{}, ipv4, ipv6), tl::unexpected(Doubt::header));
}

TEST(Quotations, OfWhatABackendTakesWithoutOuterHeadersAreDoubted) {
    const auto packet = sent(Ipip{}, ipv4, ipv4, 1400);
    EXPECT_EQ(check(*quoted(packet, 1300), L2{}, ipv4, ipv4), tl::unexpected(Doubt::encapsulation));
    EXPECT_EQ(check(*quoted(packet, 1300), L3dsr{.dscp = 2}, ipv4, ipv4), tl::unexpected(Doubt::encapsulation));
}

TEST(Quotations, OfIPv6WithExtensionHeadersAreFollowedToThePorts) {
    Bytes packet = sent(Ipip{}, ipv6, ipv6, 1400);
    // A first fragment: the extension header replaces the first 8 bytes behind the header.
    constexpr std::size_t header = 40 + 40;
    packet.insert(packet.begin() + header, {packet[header - 34], 0, 0, 1, 0, 0, 0, 7});
    packet[header - 34] = IPPROTO_FRAGMENT;
    packet.resize(packet.size() - 8);
    EXPECT_EQ(check(*quoted(packet, 1300), Ipip{}, ipv6, ipv6), Proof::flow_label);
    packet[header + 3] = 8 | 1;
    EXPECT_EQ(check(*quoted(packet, 1300), Ipip{}, ipv6, ipv6), tl::unexpected(Doubt::inner));
}

TEST(Quotations, AreDroppedIfTheyAreDamagedOrSayAnythingElse) {
    const Bytes packet = sent(Ipip{}, ipv4, ipv4, 1400);
    const Bytes good = quotes::frag_needed(1300, packet);
    ASSERT_TRUE(read_quotation4(good));
    for (const std::size_t at : {std::size_t{20}, std::size_t{21}, std::size_t{22}, std::size_t{27}, good.size() - 1}) {
        Bytes damaged = good;
        damaged[at] ^= 1;
        EXPECT_FALSE(read_quotation4(damaged)) << at;
    }
    for (std::size_t length = 0; length < good.size(); ++length)
        EXPECT_FALSE(read_quotation4(std::span(good).first(length))) << length;
    Bytes with_options = packet;
    with_options[0] = 0x46;
    EXPECT_FALSE(read_quotation4(quotes::frag_needed(1300, with_options)));
    const Bytes six = sent(Ipip{}, ipv4, ipv6, 1400);
    EXPECT_FALSE(read_quotation6(quotes::too_big(1300, six, 39), router));
    Bytes exceeded = quotes::too_big(1300, six);
    exceeded[0] = 3;
    EXPECT_FALSE(read_quotation6(exceeded, router));
}

TEST(Quotations, EndWhereExtensionsBegin) {
    Bytes packet = sent(Ipip{}, ipv4, ipv4, 1400);
    packet.resize(128);
    Bytes message = quotes::frag_needed(1300, packet);
    message.insert(message.end(), {0x20, 0, 0, 0, 0, 8, 1, 1, 0, 0, 0, 0});  // RFC 4884, section 7
    quotes::put16(message, 2, message.size());
    message[20 + 5] = 128 / 4;
    quotes::put16(message, 22, 0);
    quotes::put16(message, 22, quotes::checksum(std::span(message).subspan(20)));
    const auto quotation = read_quotation4(message);
    ASSERT_TRUE(quotation);
    EXPECT_EQ(quotation->payload.size(), 128U - 20U);
    EXPECT_EQ(quotation->mtu, 1300U);
    EXPECT_EQ(quotation->router, address("203.0.113.66"));
}

TEST(SentPackets, AreThoseOfTheServicesThatAreLeft) {
    Sent all;
    const auto one = service(Ipip{}, ipv4, ipv4), other = service(Ipip{}, ipv4, ipv4);
    all.add(one);
    all.add(other);
    all.remove(one);
    all.remove(one);  // unknown
    EXPECT_TRUE(all.check(*quoted(sent(Ipip{}, ipv4, ipv4, 1400), 1300), hop_to(backend_of(ipv4)), key()));
    all.remove(other);
    EXPECT_TRUE(all.backends().empty());
}

class PathMtusTest : public testing::Test {
  protected:
    Quotation says(std::uint32_t mtu) const { return {.router = router, .mtu = mtu, .destination = backend}; }
    void guess_wrong(int times, PathMtus::Clock::time_point now) {
        for (int guess = 0; guess < times; ++guess)
            EXPECT_EQ(known.hear(says(1400), tl::unexpected(Doubt::header), hop, now), tl::unexpected(Doubt::header));
    }
    void expect_path(std::optional<std::uint16_t> mtu) const {
        const auto* found = known.find(backend, hop);
        EXPECT_EQ(found == nullptr ? std::nullopt : std::optional(found->mtu), mtu);
    }

    const IpAddress backend = backend_of(ipv4);
    const NextHop hop = hop_to(backend);
    const PathMtus::Clock::time_point start{1h};
    PathMtus known;
};

TEST_F(PathMtusTest, OnlyBecomeNarrowerUntilTheyAreForgotten) {
    EXPECT_EQ(known.hear(says(1500), Proof::flow, hop, start), false);
    expect_path({});
    EXPECT_EQ(known.hear(says(1400), Proof::flow, hop, start), true);
    EXPECT_EQ(known.hear(says(1450), Proof::flow, hop, start), false);
    expect_path(1400);
    EXPECT_EQ(known.hear(says(1300), Proof::flow, hop, start + 1min), true);
    expect_path(1300);
    EXPECT_TRUE(known.expire(start + 10min).empty());
    EXPECT_EQ(known.expire(start + 11min), std::vector{backend});
    expect_path({});
}

TEST_F(PathMtusTest, NeverFallBelow1280) {
    for (const std::uint32_t mtu : {1279U, 552U, 68U, 0U}) {
        known.forget(backend);
        EXPECT_EQ(known.hear(says(mtu), Proof::flow, hop, start), true);
        expect_path(1280);
        EXPECT_EQ(known.find(backend, hop)->told, mtu);
    }
    NextHop narrow = hop;
    narrow.mtu = 1200;
    EXPECT_EQ(known.hear(says(1100), Proof::flow, narrow, start), false);
}

TEST_F(PathMtusTest, AreOfOneHopAlone) {
    EXPECT_EQ(known.hear(says(1400), Proof::flow, hop, start), true);
    NextHop other = hop;
    other.destination.bytes[5] = 77;
    EXPECT_EQ(known.find(backend, other), nullptr);
    EXPECT_EQ(known.hear(says(1450), Proof::flow, other, start), true);
    EXPECT_EQ(known.find(backend, other)->mtu, 1450);
}

TEST_F(PathMtusTest, AreNotToBeGuessed) {
    for (const Proof proof : {Proof::identification, Proof::flow_label}) {
        known = {};
        guess_wrong(1000, start);
        EXPECT_EQ(known.hear(says(1400), proof, hop, start), tl::unexpected(Doubt::too_many));
        expect_path({});
        // A message that nobody could guess is believed, and each one a second later.
        EXPECT_EQ(known.hear(says(1450), Proof::flow, hop, start), true);
        EXPECT_EQ(known.hear(says(1400), proof, hop, start + 1s), true);
        expect_path(1400);
    }
}

TEST_F(PathMtusTest, AreLearntAmidAFloodOfGuessesFromARouterThatGoesOn) {
    for (const Proof proof : {Proof::identification, Proof::flow_label}) {
        known = {};
        auto now = start;
        for (int second = 0; second < 60; ++second) guess_wrong(1000, now += 1s);
        EXPECT_EQ(known.hear(says(1400), proof, hop, now), tl::unexpected(Doubt::too_many));
        guess_wrong(300, now += 300ms);
        EXPECT_EQ(known.hear(says(1400), proof, hop, now), tl::unexpected(Doubt::too_many));
        guess_wrong(600, now += 600ms);
        EXPECT_EQ(known.hear(says(1400), proof, hop, now), true);
        expect_path(1400);
    }
}

TEST_F(PathMtusTest, AreNotLearntFromGuessesThatAreRightNowAndThen) {
    auto now = start;
    guess_wrong(1000, now);
    for (int hit = 0; hit < 100; ++hit) {
        EXPECT_EQ(known.hear(says(1400), Proof::identification, hop, now), tl::unexpected(Doubt::too_many));
        guess_wrong(1100, now += 1s);
    }
    // Nor from two of a router between guesses.
    for (int hit = 0; hit < 100; ++hit) {
        EXPECT_EQ(known.hear(says(1400), Proof::identification, hop, now), tl::unexpected(Doubt::too_many));
        EXPECT_EQ(known.hear(says(1401 + hit % 2), Proof::identification, hop, now), tl::unexpected(Doubt::too_many));
    }
    expect_path({});
}

TEST_F(PathMtusTest, OfOneBackendAreNotKeptOutByAFloodAboutAnother) {
    guess_wrong(1000, start);
    Quotation other = says(1400);
    other.destination = address("10.9.0.4");
    EXPECT_EQ(known.hear(other, Proof::identification, hop, start), true);
}

}  // namespace
}  // namespace culvert::lbd
