// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <cstdio>
#include <system_error>
#include <utility>

#include "lbd/plan/template.hpp"
#include "tests/packet/balancer.hpp"
#include "tests/packet/flows.hpp"
#include "tests/packet/paths.hpp"

namespace culvert::packet {
namespace {

/// TCP port 80 and UDP port 53 of both VIPs, with path MTU 1500.
Balancer& with_services(Balancer& balancer) {
    balancer.set_dest(1, backend(1));
    for (const char* vip : {"192.0.2.1", "2001:db8::1"}) {
        balancer.serve(vip, lbd::Protocol::tcp, 80, {1});
        balancer.serve(vip, lbd::Protocol::udp, 53, {1});
    }
    return balancer;
}

struct Case {
    const char* name;
    Packet frame;
    const char* fate;
};

void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

const Case cases[] = {
    {"Ipv4Tcp", Ethernet() / IPv4() / TCP() / payload(9), "tx"},
    {"Ipv4Udp", Ethernet() / IPv4() / UDP() / payload(9), "tx"},
    {"Ipv6Tcp", Ethernet() / IPv6() / TCP() / payload(9), "tx"},
    {"Ipv6Udp", Ethernet() / IPv6() / UDP() / payload(9), "tx"},
    {"Ipv4FragmentationAllowed", Ethernet() / IPv4{.fragment = 0} / TCP(), "tx"},
    {"TcpMostOptions", Ethernet() / IPv4() / TCP{.options = Bytes(40, 1)}, "tx"},
    {"TcpEveryFlag", Ethernet() / IPv4() / TCP{.flags = 0xff}, "tx"},
    {"TcpNoFlag", Ethernet() / IPv6() / TCP{.flags = 0}, "tx"},
    {"UdpNoPayload", Ethernet() / IPv6() / UDP(), "tx"},
    {"UdpNoChecksum", Ethernet() / IPv6() / UDP{.checksum = 0}, "tx"},
    {"UdpShorterThanPacket", Ethernet() / IPv4() / UDP{.length = 12} / payload(9), "tx"},

    {"OtherAddressIpv4", Ethernet() / IPv4{.destination = "192.0.2.2"} / TCP() / payload(9), "pass"},
    {"OtherAddressIpv6", Ethernet() / IPv6{.destination = "2001:db8::2"} / TCP() / payload(9), "pass"},
    {"OtherPortTcp", Ethernet() / IPv4() / TCP{.destination = 81}, "pass"},
    {"OtherPortUdp", Ethernet() / IPv6() / UDP{.destination = 54}, "pass"},
    {"PortOfTheOtherProtocol", Ethernet() / IPv4() / UDP{.destination = 80}, "pass"},
    {"Arp", Ethernet{.type = 0x0806} / payload(46), "pass"},
    {"Lldp", Ethernet{.type = 0x88cc} / payload(46), "pass"},
    {"ThreeTags", Ethernet() / Vlan{1, 0x88a8} / Vlan{2} / Vlan{3} / IPv4() / TCP(), "pass"},
    {"NothingBehindATag", Ethernet() / Vlan{1}, "pass"},
    {"LengthForType", Ethernet{.type = 46} / payload(46), "pass"},
    {"IcmpTimestamp", Ethernet() / IPv4() / Icmp{.type = 13} / payload(12), "pass"},
    {"IcmpRedirect", Ethernet() / IPv4() / Icmp{.type = 5} / IPv4{.source = "192.0.2.1"} / TCP{.source = 80}, "pass"},
    {"Icmpv6NeighbourSolicitation", Ethernet() / IPv6() / Icmp6{.type = 135} / payload(16), "pass"},
    {"EchoToOtherAddress", Ethernet() / IPv4{.destination = "192.0.2.2"} / Icmp{.type = 8}, "pass"},
    {"EchoToOtherAddressIpv6", Ethernet() / IPv6{.destination = "2001:db8::2"} / Icmp6{.type = 128}, "pass"},
    {"EchoReply", Ethernet() / IPv4() / Icmp{.type = 0}, "pass"},
    {"SctpOfNoService", Ethernet() / IPv4() / SCTP(), "pass"},
    {"Esp", Ethernet() / IPv6{.next_header = 50} / payload(64), "pass"},
    {"Ipip", Ethernet() / IPv4() / IPv4() / TCP(), "pass"},
    {"Gre", Ethernet() / IPv6() / Gre() / IPv4() / TCP(), "pass"},
    {"NothingBehindIpv6", Ethernet() / IPv6{.next_header = 59}, "pass"},
    {"FragmentToOtherAddress", Ethernet() / IPv4{.destination = "192.0.2.2", .fragment = 0x2000} / UDP(), "pass"},
    {"OptionsToOtherAddress", Ethernet() / IPv4{.destination = "192.0.2.2", .options = Bytes(4, 1)} / UDP(), "pass"},
    {"Ipv6LabelledAsIpv4", Ethernet{.type = 0x0800} / IPv6() / TCP(), "pass"},
    {"Ipv4LabelledAsIpv6", Ethernet{.type = 0x86dd} / IPv4() / TCP() / payload(9), "pass"},

    {"Version5", Ethernet() / IPv4{.version = 5} / TCP(), "drop: ip_header"},
    {"Version6InIpv4", Ethernet() / IPv4{.version = 6} / TCP(), "drop: ip_header"},
    {"Version4InIpv6", Ethernet() / IPv6{.version = 4} / TCP(), "drop: ip_header"},
    {"HeaderOf0Words", Ethernet() / IPv4{.header_words = 0} / TCP(), "drop: ip_header"},
    {"HeaderOf4Words", Ethernet() / IPv4{.header_words = 4} / TCP(), "drop: ip_header"},
    {"TotalLengthOf0", Ethernet() / IPv4{.total_length = 0} / TCP(), "drop: ip_header"},
    {"TotalLengthOfHalfAHeader", Ethernet() / IPv4{.total_length = 10} / TCP(), "drop: ip_header"},
    {"TotalLengthWithoutPorts", Ethernet() / IPv4{.total_length = 20} / TCP(), "drop: ip_header"},
    {"TotalLengthWithinUdp", Ethernet() / IPv4{.total_length = 27} / UDP(), "drop: ip_header"},
    {"PayloadLengthOf0", Ethernet() / IPv6{.payload_length = 0} / TCP(), "drop: ip_header"},
    {"PayloadLengthWithinUdp", Ethernet() / IPv6{.payload_length = 7} / UDP(), "drop: ip_header"},

    {"TotalLengthOneTooMany", Ethernet() / IPv4{.total_length = 41} / TCP(), "drop: truncated"},
    {"TotalLengthMost", Ethernet() / IPv4{.total_length = 65535} / UDP(), "drop: truncated"},
    {"PayloadLengthOneTooMany", Ethernet() / IPv6{.payload_length = 21} / TCP(), "drop: truncated"},
    {"PayloadLengthMost", Ethernet() / IPv6{.payload_length = 65535} / UDP(), "drop: truncated"},

    {"Options", Ethernet() / IPv4{.options = Bytes(4, 1)} / TCP(), "drop: ip_options"},
    {"MostOptions", Ethernet() / IPv4{.options = Bytes(40, 1)} / UDP(), "drop: ip_options"},
    {"HopByHop", Ethernet() / IPv6() / Extension{.number = 0} / TCP(), "tx"},
    {"RoutingThatEndsHere", Ethernet() / IPv6() / Extension{43, {0, 0, 0, 0, 0, 0}} / TCP(), "tx"},
    {"RoutingThatGoesOn", Ethernet() / IPv6() / Extension{43, {0, 1, 0, 0, 0, 0}} / TCP(), "drop: ip_options"},
    {"DestinationOptions", Ethernet() / IPv6() / Extension{.number = 60, .content = Bytes(14)} / UDP(), "tx"},
    {"DestinationOptionsTooLong", Ethernet() / IPv6() / Extension{.number = 60, .content = Bytes(214)} / UDP(),
     "drop: ip_options"},
    {"Authentication", Ethernet() / IPv6() / Extension{.number = 51} / TCP(), "drop: ip_options"},
    {"Mobility", Ethernet() / IPv6() / Extension{.number = 135} / TCP(), "tx"},
    {"Hip", Ethernet() / IPv6() / Extension{.number = 139} / TCP(), "tx"},
    {"Shim6", Ethernet() / IPv6() / Extension{.number = 140} / TCP(), "tx"},
    {"FourExtensions",
     Ethernet() / IPv6() / Extension{0} / Extension{60} / Extension{43, {0, 0, 0, 0, 0, 0}} / Extension{60} / UDP(),
     "tx"},
    {"FiveExtensions",
     Ethernet() / IPv6() / Extension{0} / Extension{60} / Extension{60} / Extension{60} / Extension{60} / UDP(),
     "drop: ip_options"},
    {"ExtensionBehindThePacket", Ethernet() / IPv6{.payload_length = 12} / Extension{60} / UDP(), "drop: ip_header"},
    {"ExtensionToOtherAddress", Ethernet() / IPv6{.destination = "2001:db8::2"} / Extension{51} / UDP(), "pass"},
    {"EchoBehindAnExtension", Ethernet() / IPv6() / Extension{0} / Icmp6{.type = 128}, "drop: ip_options"},

    {"HeaderChecksumOf0", Ethernet() / IPv4{.checksum = 0} / TCP(), "drop: ip_checksum"},
    {"HeaderChecksumWrong", Ethernet() / IPv4{.checksum = 0x1234} / UDP(), "drop: ip_checksum"},

    {"FirstFragment", Ethernet() / IPv4{.id = 1, .fragment = 0x2000} / UDP() / payload(24), "tx"},
    {"FirstFragmentWithinUdp", Ethernet() / IPv4{.id = 1, .fragment = 0x2000, .protocol = 17} / payload(7),
     "drop: truncated"},
    {"EchoFragment", Ethernet() / IPv4{.fragment = 0x2000} / Icmp{.type = 8} / payload(64), "drop: fragment"},
    {"EchoFragmentIpv6", Ethernet() / IPv6() / Extension{44, {0, 1, 0, 0, 0, 9}} / Icmp6{.type = 128},
     "drop: fragment"},
    {"MiddleFragment", Ethernet() / IPv4{.fragment = 0x2010, .protocol = 17} / payload(24), "drop: fragment"},
    {"LastFragment", Ethernet() / IPv4{.fragment = 0x0010, .protocol = 6} / payload(24), "drop: fragment"},
    {"FarFragment", Ethernet() / IPv4{.fragment = 0x1fff, .protocol = 6} / payload(8), "drop: fragment"},
    {"LastFragmentOfOneByte", Ethernet() / IPv4{.fragment = 0x0010, .protocol = 6} / payload(1), "drop: fragment"},
    {"LastFragmentOfNothing", Ethernet() / IPv4{.fragment = 0x0010, .protocol = 6}, "drop: ip_header"},
    {"FirstFragmentIpv6", Ethernet() / IPv6() / Extension{44, {0, 1, 0, 0, 0, 9}} / UDP() / payload(24), "tx"},
    {"LastFragmentIpv6", Ethernet() / IPv6() / Extension{44, {0, 8, 0, 0, 0, 8}} / payload(24), "drop: fragment"},
    {"AtomicFragment", Ethernet() / IPv6() / Extension{44, {0, 0, 0, 0, 0, 7}} / UDP(), "tx"},

    {"TcpHeaderOf0Words", Ethernet() / IPv4() / TCP{.header_words = 0}, "drop: l4_header"},
    {"TcpHeaderOf4Words", Ethernet() / IPv6() / TCP{.header_words = 4}, "drop: l4_header"},
    {"TcpHeaderLongerThanPacket", Ethernet() / IPv4() / TCP{.header_words = 6}, "drop: l4_header"},
    {"TcpHeaderLongestOverPadding", padded(Ethernet() / IPv4() / TCP{.header_words = 6}), "drop: l4_header"},
    {"TcpWithin20Bytes", Ethernet() / IPv4{.total_length = 39} / TCP(), "drop: l4_header"},
    {"TcpOf8Bytes", Ethernet() / IPv6{.payload_length = 8} / TCP(), "drop: l4_header"},
    {"TcpOf8BytesAndNoMore", Ethernet() / IPv4{.protocol = 6} / Payload{{1, 2, 0, 80, 5, 6, 7, 8}}, "drop: l4_header"},
    {"UdpLengthOf0", Ethernet() / IPv4() / UDP{.length = 0}, "drop: l4_header"},
    {"UdpLengthOf7", Ethernet() / IPv6() / UDP{.length = 7}, "drop: l4_header"},
    {"UdpLengthOneTooMany", Ethernet() / IPv4() / UDP{.length = 18} / payload(9), "drop: l4_header"},
    {"UdpLengthOverPadding", padded(Ethernet() / IPv4() / UDP{.length = 26}), "drop: l4_header"},

    {"TtlOf0", Ethernet() / IPv4{.ttl = 0} / TCP(), "answered: ttl"},
    {"TtlOf1", Ethernet() / IPv4{.ttl = 1} / UDP(), "answered: ttl"},
    {"TtlOf1OfALaterFragment", Ethernet() / IPv4{.ttl = 1, .fragment = 0x0010, .protocol = 6} / payload(8),
     "drop: ttl"},
    {"TtlOf2", Ethernet() / IPv4{.ttl = 2} / UDP(), "tx"},
    {"HopLimitOf0", Ethernet() / IPv6{.hop_limit = 0} / UDP(), "answered: ttl"},
    {"HopLimitOf1", Ethernet() / IPv6{.hop_limit = 1} / TCP(), "answered: ttl"},
    {"HopLimitOf2", Ethernet() / IPv6{.hop_limit = 2} / TCP(), "tx"},

    {"AsLongAsThePathTakes", Ethernet() / IPv4() / TCP() / payload(1460), "tx"},
    {"LongerThanThePathTakes", Ethernet() / IPv4() / TCP() / payload(1461), "answered: too_big"},
    {"AsLongAsThePathTakesIpv6", Ethernet() / IPv6() / UDP() / payload(1452), "tx"},
    {"LongerThanThePathTakesIpv6", Ethernet() / IPv6() / UDP() / payload(1453), "answered: too_big"},
};

class Frame : public BalancerTest, public testing::WithParamInterface<Case> {};

INSTANTIATE_TEST_SUITE_P(Mangled, Frame, testing::ValuesIn(cases), [](const auto& test) { return test.param.name; });

TEST_P(Frame, MeetsItsFateForOneReason) {
    const Outcome outcome = with_services(shared()).receive(GetParam().frame);
    EXPECT_EQ(outcome.fate, GetParam().fate);
    if (outcome.fate == "pass") {
        EXPECT_TRUE(same(GetParam().frame, outcome.frame)) << "a packet that passes is unchanged";
    }
}

/// Whole packets, and the number of bytes that show that they are for a VIP.
class Truncated : public BalancerTest, public testing::WithParamInterface<std::pair<Packet, std::size_t>> {};

INSTANTIATE_TEST_SUITE_P(
    AtEveryLength, Truncated,
    testing::Values(std::pair{Ethernet() / IPv4() / TCP{.options = Bytes(12, 1)} / payload(30), 34},
                    std::pair{Ethernet() / IPv4() / UDP() / payload(30), 34},
                    std::pair{Ethernet() / IPv6() / TCP{.options = Bytes(12, 1)} / payload(30), 54},
                    std::pair{Ethernet() / IPv6() / UDP() / payload(30), 54}));

TEST_P(Truncated, IsDroppedOnceTheVipIsKnownAndNeverForwarded) {
    Balancer& balancer = with_services(shared());
    const auto& [packet, vip_known] = GetParam();
    const Bytes whole = packet.bytes();
    ASSERT_EQ(balancer.receive(whole).fate, "tx");
    for (std::size_t length = 14; length < whole.size(); ++length) {
        const Bytes frame(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
        const Outcome outcome = balancer.receive(frame);
        EXPECT_EQ(outcome.fate, length < vip_known ? "pass" : "drop: truncated") << length << " bytes";
        if (outcome.fate == "pass") {
            EXPECT_EQ(outcome.frame, frame);
        }
    }
}

class Oversize : public BalancerTest {};

TEST_F(Oversize, CountsTheOuterHeaders) {
    Balancer& balancer = with_services(shared());
    for (const Path& path : all_paths()) {
        SCOPED_TRACE(name(path));
        install(balancer, path, 1, 1500);
        const auto overhead = forwarded_frame(path, {}, {}).bytes().size() - sent_frame(path, {}).bytes().size();
        const auto header = sent_frame(path, {}).bytes().size() - 14;
        const std::size_t most = 1500 - overhead - header;
        EXPECT_EQ(balancer.receive(sent_frame(path, {.data = payload(most)})).fate, "tx");
        EXPECT_EQ(balancer.receive(sent_frame(path, {.data = payload(most + 1)})).fate, "answered: too_big");
    }
}

TEST_F(Oversize, CountsNoPadding) {
    Balancer& balancer = with_services(shared());
    EXPECT_EQ(balancer.receive(Ethernet() / IPv4() / TCP() / payload(1460) / Padding{100}).fate, "tx");
}

class Headroom : public BalancerTest {};

/// Before 6.12, BPF_PROG_TEST_RUN allows at most 32 bytes of metadata, so it can't fill the headroom.
bool kernel_is_older_than_6_12() {
    utsname name{};
    int major = 0, minor = 0;
    return uname(&name) == 0 && std::sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
           std::pair(major, minor) < std::pair(6, 12);
}

TEST_F(Headroom, ThatDoesNotSufficeIsAReasonOfItsOwn) {
    Balancer balancer;
    install(balancer, {lbd::Ipip{}, Family::ipv4, Family::ipv6, Protocol::tcp});
    const Bytes frame = (Ethernet() / IPv4() / TCP()).bytes();
    if (kernel_is_older_than_6_12()) {
        EXPECT_THROW((void)balancer.receive(frame, 200), std::system_error);
        return;
    }
    EXPECT_EQ(balancer.receive(frame, 200).fate, "drop: no_room");
    EXPECT_EQ(balancer.counters(1).packets, 0U);
}

}  // namespace
}  // namespace culvert::packet
