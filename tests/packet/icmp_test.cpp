// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <span>

#include "lbd/plan/template.hpp"
#include "tests/packet/balancer.hpp"
#include "tests/packet/flows.hpp"
#include "tests/packet/paths.hpp"

namespace culvert::packet {
namespace {

const Ethernet back{.source = "02:00:00:00:00:02", .destination = "02:00:00:00:00:01"};
const IPv4 reply4{.source = "192.0.2.1", .destination = "198.51.100.7"};
const IPv6 reply6{.source = "2001:db8::1", .destination = "2001:db8:c::7"};

/// The first bytes of a packet, as an ICMP error quotes them.
Payload quote(const Packet& packet, std::size_t most) {
    Bytes bytes = packet.bytes();
    bytes.resize(std::min(bytes.size(), most));
    return {bytes};
}

class Echo : public BalancerTest {};

TEST_F(Echo, IsAnsweredForAnyVip) {
    FlowBalancer balancer;
    balancer.serve("2001:db8::1", lbd::Protocol::udp, 53, {});
    EXPECT_TRUE(same(
        Ethernet(back) / reply4 / Icmp{.type = 0, .parameter = 0x00070001} / payload(56),
        balancer.receive(Ethernet() / IPv4{.ttl = 1} / Icmp{.type = 8, .parameter = 0x00070001} / payload(56)).frame));
    EXPECT_TRUE(same(
        Ethernet(back) / reply6 / Icmp6{.type = 129, .parameter = 0x00070001} / payload(57),
        balancer.receive(Ethernet() / IPv6{.hop_limit = 1} / Icmp6{.type = 128, .parameter = 0x00070001} / payload(57))
            .frame));
    EXPECT_TRUE(same(Ethernet(back) / Vlan{7} / reply4 / Icmp{.type = 0, .parameter = 1},
                     balancer.receive(Ethernet() / Vlan{7} / IPv4() / Icmp{.type = 8, .parameter = 1}).frame));
    EXPECT_EQ(balancer.events(LB_EVENT_ECHO), 3U);
}

TEST_F(Echo, FromNoSingleHostIsNot) {
    FlowBalancer balancer;
    for (const char* source : {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"})
        EXPECT_EQ(balancer.send(Ethernet() / IPv4{.source = source} / Icmp{.type = 8}), "drop: ip_header") << source;
}

// An all-zero reply sums to all ones only if its checksum is all ones.
TEST_F(Echo, OfNothingButZerosHasAChecksumThatAddsUp) {
    FlowBalancer balancer;
    for (const std::size_t zeros : {0, 1, 56}) {
        const Packet data = Payload{Bytes(zeros)};
        const Bytes got = balancer.receive(Ethernet() / IPv4() / Icmp{.type = 8} / data).frame;
        EXPECT_TRUE(same(Ethernet(back) / reply4 / Icmp{.type = 0, .checksum = 0xffff} / data, got));
    }
}

// All identifiers give all possible sums.
TEST_F(Echo, HasAChecksumThatAddsUpWhateverItIs) {
    FlowBalancer balancer;
    balancer.serve("2001:db8::1", lbd::Protocol::udp, 53, {});
    const std::uint32_t step = std::getenv("CULVERT_PACKETS") == nullptr ? 1 : 101;
    for (std::uint32_t id = 0; id <= 0xffff; id += step) {
        const Bytes got = balancer.receive(Ethernet() / IPv4() / Icmp{.type = 8, .parameter = id << 16 | 1}).frame;
        ASSERT_EQ(internet_checksum(std::span(got).subspan(14 + 20)), 0) << id;
        const Packet ping6 = Ethernet() / IPv6() / Icmp6{.type = 128, .parameter = id << 16 | 1};
        const Icmp6 pong{.type = 129, .parameter = id << 16 | 1};
        ASSERT_TRUE(same(Ethernet(back) / reply6 / pong, balancer.receive(ping6).frame)) << id;
    }
}

class IcmpError : public BalancerTest {};

/// The backend's packet to the client, as far as a router quotes it.
Packet answer4(std::uint16_t port) {
    return IPv4{.source = "192.0.2.1", .destination = "198.51.100.7"} / TCP{.source = 80, .destination = port} /
           payload(1400);
}

TEST_F(IcmpError, GoesToTheBackendOfTheFlowThatItQuotes) {
    FlowBalancer balancer({1, 2, 3}, all_on(), 64);
    std::set<std::string> all;
    for (std::uint16_t port = 1000; port < 1020; ++port) {
        const std::string backend = balancer.send(segment(port, ack));
        balancer.set_ring({3, 1, 2});  // the flow table knows it, the ring doesn't
        for (const std::size_t length : {24, 28, 48, 500})
            EXPECT_EQ(balancer.send(Ethernet() / IPv4{.source = "203.0.113.9"} /
                                    Icmp{.type = 3, .code = 4, .parameter = 1300} / quote(answer4(port), length)),
                      backend)
                << length;
        balancer.set_ring({1, 2, 3});
        all.insert(backend);
    }
    EXPECT_EQ(all.size(), 3U);
    EXPECT_EQ(balancer.events(LB_EVENT_ICMP_ERROR), 80U);
}

TEST_F(IcmpError, OfAFlowThatIsNotKnownGoesWhereTheFlowWouldAndLeavesNoEntry) {
    FlowBalancer balancer({1, 2, 3}, all_on(), 64);
    for (std::uint16_t port = 1000; port < 1020; ++port)
        EXPECT_EQ(balancer.send(Ethernet() / IPv4() / Icmp{.type = 11} / quote(answer4(port), 28)),
                  balancer.send(segment(port, syn)));
    for (std::uint32_t bucket = 0; bucket < 64; ++bucket) EXPECT_EQ(used(entries(balancer, bucket)), 0U);
}

TEST_F(IcmpError, TravelsInTheEncapsulation) {
    const Path path{lbd::Gue{5080}, Family::ipv6, Family::ipv6, Protocol::tcp};
    Balancer balancer;
    install(balancer, path);
    const Packet sent = IPv6{.source = "2001:db8::1", .destination = "2001:db8:c::7"} /
                        TCP{.source = 80, .destination = 40000} / payload(1300);
    const Packet error = Icmp6{.type = 2, .parameter = 1280} / quote(sent, 1232);
    const Bytes got = balancer.receive(Ethernet() / IPv6{.source = "2001:db8:f::1"} / error).frame;
    const Entropy entropy = entropy_of(path, got);
    EXPECT_EQ(entropy, entropy_of(path, balancer.receive(sent_frame(path, {})).frame)) << "the flow's own";
    EXPECT_TRUE(same(Ethernet{.source = "02:00:00:00:00:02", .destination = "02:00:00:00:00:03"} /
                         IPv6{.source = "fd00::1", .destination = "fd00:0:0:2::30", .flow_label = entropy.flow_label} /
                         UDP{.source = entropy.source_port, .destination = 5080} / Gue() /
                         IPv6{.source = "2001:db8:f::1", .hop_limit = 63} / error,
                     got));
}

TEST_F(IcmpError, ThatMakesNoSenseIsDropped) {
    FlowBalancer balancer;
    const auto fate = [&](const Packet& quoted) {
        return balancer.send(Ethernet() / IPv4() / Icmp{.type = 3} / quoted);
    };
    EXPECT_EQ(fate(quote(answer4(1000), 23)), "drop: truncated");
    EXPECT_EQ(fate(IPv4{.source = "192.0.2.9"} / TCP{.source = 80}), "drop: l4_header") << "not from the VIP";
    EXPECT_EQ(fate(IPv4{.source = "192.0.2.1", .version = 5} / TCP{.source = 80}), "drop: l4_header");
    EXPECT_EQ(fate(IPv4{.source = "192.0.2.1", .header_words = 4} / TCP{.source = 80}), "drop: l4_header");
    EXPECT_EQ(fate(IPv4{.source = "192.0.2.1"} / TCP{.source = 81}), "pass") << "of no service";
    EXPECT_EQ(balancer.send(Ethernet() / IPv4{.ttl = 1} / Icmp{.type = 3} / quote(answer4(1000), 28)), "drop: ttl");
}

// Backends fragment what they send, and their packets may have options: RFC 8201, section 4.
TEST_F(IcmpError, FindsTheFlowBehindOptionsAndExtensionHeaders) {
    FlowBalancer balancer({1, 2, 3}, all_on(), 64);
    for (const char* vip : {"192.0.2.1", "2001:db8::1"}) balancer.serve(vip, lbd::Protocol::udp, 53, {1, 2, 3});
    const Packet options = Extension{60}, long_options = Extension{0, Bytes(14)}, routing = Extension{43};
    const Packet first = Extension{44, {0, 1, 0, 0, 0, 9}}, atomic = Extension{44, {0, 0, 0, 0, 0, 9}};
    std::set<std::string> all;
    for (std::uint16_t port = 1000; port < 1010; ++port) {
        const Packet answer = UDP{.source = 53, .destination = port} / payload(1200);
        const IPv4 sent4{.source = "192.0.2.1", .destination = "198.51.100.7", .fragment = 0};
        const std::string backend4 = balancer.send(Ethernet() / IPv4() / UDP{.source = port});
        IPv4 with_options = sent4, fragment = sent4;
        with_options.options = Bytes(8, 1);
        fragment.fragment = 0x2000;
        for (const IPv4& ip : {sent4, with_options, fragment})
            EXPECT_EQ(balancer.send(Ethernet() / IPv4{.source = "203.0.113.9"} /
                                    Icmp{.type = 3, .code = 4, .parameter = 1300} / quote(ip / answer, 548)),
                      backend4);

        const IPv6 sent6{.source = "2001:db8::1", .destination = "2001:db8:c::7"};
        const std::string backend6 = balancer.send(Ethernet() / IPv6() / UDP{.source = port});
        for (const Packet& ip : {Packet(sent6), sent6 / first, sent6 / atomic, sent6 / options,
                                 sent6 / long_options / first, sent6 / options / routing / first})
            EXPECT_EQ(balancer.send(Ethernet() / IPv6{.source = "2001:db8:f::1"} / Icmp6{.type = 2, .parameter = 1280} /
                                    quote(ip / answer, 1232)),
                      backend6);
        all.insert({backend4, backend6});
    }
    EXPECT_EQ(all.size(), 3U);
    EXPECT_EQ(balancer.events(LB_EVENT_ICMP_ERROR), 90U);
}

TEST_F(IcmpError, WhoseFlowCannotBeKnownIsDroppedForThatReason) {
    FlowBalancer balancer;
    balancer.serve("2001:db8::1", lbd::Protocol::udp, 53, {1});
    const auto about4 = [&](const Packet& quoted) {
        return balancer.send(Ethernet() / IPv4() / Icmp{.type = 3, .code = 4} / quoted);
    };
    const auto about6 = [&](const Packet& quoted) {
        return balancer.send(Ethernet() / IPv6() / Icmp6{.type = 2, .parameter = 1280} / quoted);
    };
    const IPv6 sent6{.source = "2001:db8::1", .destination = "2001:db8:c::7"};
    EXPECT_EQ(about4(IPv4{.source = "192.0.2.1", .fragment = 0x0010, .protocol = 17} / payload(40)), "drop: fragment");
    EXPECT_EQ(about6(sent6 / Extension{44, {0, 8, 0, 0, 0, 9}} / payload(40)), "drop: fragment");
    EXPECT_EQ(about6(sent6 / Extension{51} / UDP{.source = 53}), "drop: ip_options");
    EXPECT_EQ(about6(sent6 / Extension{60} / Extension{60} / Extension{60} / Extension{60} / Extension{60} / UDP()),
              "drop: ip_options");
    EXPECT_EQ(about6(quote(sent6 / Extension{44, {0, 1, 0, 0, 0, 9}} / UDP{.source = 53}, 47)), "drop: truncated");
    EXPECT_EQ(about6(quote(sent6 / Extension{44, {0, 1, 0, 0, 0, 9}} / UDP{.source = 53}, 51)), "drop: truncated");
}

class TooBig : public BalancerTest {};

TEST_F(TooBig, IsAnsweredWithWhatTheBackendsPathTakes) {
    Balancer balancer;
    install(balancer, {lbd::Ipip{}, Family::ipv4, Family::ipv6, Protocol::tcp}, 1, 1400);
    install(balancer, {lbd::Gue{5080}, Family::ipv6, Family::ipv4, Protocol::tcp}, 2, 1480);
    const Packet long4 = IPv4() / TCP() / payload(1321), long6 = IPv6() / TCP() / payload(1421);
    IPv4 from = reply4;
    from.tos = 0xc0;
    from.fragment = 0;
    EXPECT_TRUE(same(Ethernet(back) / from / Icmp{.type = 3, .code = 4, .parameter = 1360} / quote(long4, 548),
                     balancer.receive(Ethernet() / long4).frame));
    EXPECT_TRUE(same(Ethernet(back) / reply6 / Icmp6{.type = 2, .parameter = 1448} / quote(long6, 1232),
                     balancer.receive(Ethernet() / long6).frame));
    EXPECT_TRUE(same(Ethernet(back) / Vlan{7} / reply6 / Icmp6{.type = 2, .parameter = 1448} / quote(long6, 1232),
                     balancer.receive(Ethernet() / Vlan{7} / long6).frame));
    EXPECT_EQ(balancer.events(LB_EVENT_TOO_BIG_SENT), 3U);
}

TEST_F(TooBig, IsSilentAboutErrorsAndLaterFragments) {
    FlowBalancer balancer;
    balancer.send(segment(1000, ack));
    EXPECT_EQ(balancer.send(Ethernet() / IPv4() / Icmp{.type = 3} / quote(answer4(1000), 1440) / payload(100)),
              "drop: too_big");
}

class TimeExceeded : public BalancerTest {};

TEST_F(TimeExceeded, ComesFromTheBalancersOwnAddress) {
    FlowBalancer balancer;
    balancer.serve("2001:db8::1", lbd::Protocol::udp, 53, {1});
    const Packet probe4 = IPv4{.ttl = 1} / TCP{.flags = syn}, probe6 = IPv6{.hop_limit = 1} / UDP() / payload(33);
    EXPECT_TRUE(
        same(Ethernet(back) / IPv4{.source = "10.0.0.1", .destination = "198.51.100.7", .tos = 0xc0, .fragment = 0} /
                 Icmp{.type = 11} / probe4,
             balancer.receive(Ethernet() / probe4).frame));
    EXPECT_TRUE(
        same(Ethernet(back) / IPv6{.source = "fd00::1", .destination = "2001:db8:c::7"} / Icmp6{.type = 3} / probe6,
             balancer.receive(Ethernet() / probe6).frame));
    EXPECT_EQ(balancer.events(LB_EVENT_TTL_SENT), 2U);
}

TEST_F(TimeExceeded, IsNotSentByABalancerWithoutAnAddress) {
    lb_config config = all_on();
    config.own4_be = 0;
    FlowBalancer balancer({1}, config);
    EXPECT_EQ(balancer.send(Ethernet() / IPv4{.ttl = 1} / TCP()), "drop: ttl");
}

class IcmpRate : public BalancerTest {};

TEST_F(IcmpRate, LimitsErrorsButNotEchoReplies) {
    lb_config config = all_on();
    config.icmp_rate = 2;
    FlowBalancer balancer({1}, config);
    const Packet frame = Ethernet() / IPv4{.ttl = 1} / TCP();
    EXPECT_EQ(balancer.send(frame), "answered: ttl");
    EXPECT_EQ(balancer.send(Ethernet() / IPv4() / TCP() / payload(1461)), "answered: too_big");
    EXPECT_EQ(balancer.send(frame), "drop: ttl");
    EXPECT_EQ(balancer.send(Ethernet() / IPv4() / TCP() / payload(1461)), "drop: too_big");
    for (int i = 0; i < 5; ++i) EXPECT_EQ(balancer.send(Ethernet() / IPv4() / Icmp{.type = 8}), "tx");
}

}  // namespace
}  // namespace culvert::packet
