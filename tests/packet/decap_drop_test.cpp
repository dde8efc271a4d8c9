// SPDX-License-Identifier: Apache-2.0
//
// Packets that are not decapsulated: attacks, malformed packets, and packets for others.
#include <gtest/gtest.h>

#include "tests/packet/decapsulator.hpp"

namespace culvert::packet {
namespace {

struct Case {
    std::string name;
    std::string fate;
    Packet packet;  ///< without Ethernet header
};
void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }
std::string name_of(const testing::TestParamInfo<Case>& info) { return info.param.name; }

IPv4 outer4(std::uint8_t protocol) { return {.source = "10.0.0.1", .destination = "10.0.2.30", .protocol = protocol}; }
IPv6 outer6(std::uint8_t protocol) {
    return {.source = "fd00::1", .destination = "fd00:0:0:2::30", .next_header = protocol};
}
Packet hex(std::string_view text) { return Payload{from_hex(text)}; }
Packet request() { return IPv4() / TCP() / payload(10); }
Packet request6() { return IPv6() / TCP() / payload(10); }
Packet in_ipip(const Packet& inner) { return outer4(4) / inner; }
Packet in_ipip6(const Packet& inner) { return outer4(41) / inner; }
UDP udp(std::uint16_t port) { return {.source = 50000, .destination = port}; }
Packet in_udp(std::uint16_t port, const Packet& rest) { return outer4(17) / udp(port) / rest; }
Packet from(const char* client) { return in_ipip(IPv4{.source = client} / TCP()); }
Packet from6(const char* client) { return in_ipip6(IPv6{.source = client} / TCP()); }
Packet to(const char* vip) { return in_ipip(IPv4{.destination = vip} / TCP()); }
Packet to6(const char* vip) { return in_ipip6(IPv6{.destination = vip} / TCP()); }

class Decap : public DecapTest, public testing::WithParamInterface<Case> {};

TEST_P(Decap, HasThisFate) {
    const Packet packet = Ethernet() / GetParam().packet;
    const Outcome outcome = decapsulator().receive(packet);
    EXPECT_EQ(outcome.fate, GetParam().fate);
    EXPECT_TRUE(same(packet, outcome.frame)) << "it is unchanged";
}

IPv4 with(IPv4 ip, auto change) {
    change(ip);
    return ip;
}
IPv6 with(IPv6 ip, auto change) {
    change(ip);
    return ip;
}

INSTANTIATE_TEST_SUITE_P(
    Attacks, Decap,
    testing::Values(
        Case{"from_a_stranger", "drop: source",
             with(outer4(4), [](auto& ip) { ip.source = "198.51.100.66"; }) / request()},
        Case{"from_a_stranger_over_ipv6", "drop: source",
             with(outer6(4), [](auto& ip) { ip.source = "2001:db8:bad::1"; }) / request()},
        Case{"from_a_strangers_gre", "drop: source",
             with(outer4(47), [](auto& ip) { ip.source = "10.0.1.1"; }) / hex("0000 0800") / request()},
        Case{"from_a_strangers_gue", "drop: source",
             with(outer4(17), [](auto& ip) { ip.source = "10.0.1.1"; }) / udp(gue_port) / hex("0004 0000") / request()},
        Case{"from_a_strangers_fragment", "drop: source",
             with(outer4(4), [](auto& ip) { ip.source = "10.0.1.1", ip.fragment = 0x2000; }) / request()},
        Case{"to_the_hosts_own_address", "drop: no_vip", to("10.0.2.30")},
        Case{"to_the_hosts_own_address_over_ipv6", "drop: no_vip",
             outer6(41) / IPv6{.destination = "fd00:0:0:2::30"} / TCP()},
        Case{"to_loopback", "drop: no_vip", to("127.0.0.1")}, Case{"to_loopback6", "drop: no_vip", to6("::1")},
        Case{"to_a_neighbour_of_the_vip", "drop: no_vip", to("192.0.2.2")},
        Case{"to_below_the_prefix", "drop: no_vip", to("198.51.100.127")},
        Case{"to_beyond_the_prefix6", "drop: no_vip", to6("2001:db8:0:1::")},
        Case{"to_a_mapped_vip", "drop: no_vip", to6("::ffff:192.0.2.2")},
        Case{"to_everybody", "drop: no_vip", to("255.255.255.255")},
        Case{"from_the_host_itself", "drop: inner_source", from("10.0.2.30")},
        Case{"from_the_host_itself6", "drop: inner_source", from6("fd00:0:0:2::30")},
        Case{"from_a_vip", "drop: inner_source", from("192.0.2.1")},
        Case{"from_a_vip_of_a_prefix", "drop: inner_source", from6("2001:db8::99")},
        Case{"from_loopback", "drop: inner_source", from("127.0.0.1")},
        Case{"from_loopback6", "drop: inner_source", from6("::1")},
        Case{"from_the_link", "drop: inner_source", from("169.254.0.1")},
        Case{"from_the_link6", "drop: inner_source", from6("fe80::1")},
        Case{"from_nowhere", "drop: inner_source", from("0.0.0.0")},
        Case{"from_nowhere6", "drop: inner_source", from6("::")},
        Case{"from_a_group", "drop: inner_source", from("224.0.0.1")},
        Case{"from_a_group6", "drop: inner_source", from6("ff02::1")},
        Case{"from_everybody", "drop: inner_source", from("255.255.255.255")},
        Case{"a_tunnel_in_the_tunnel", "drop: nested", in_ipip(IPv4() / IPv4{.destination = "10.0.2.30"} / TCP())},
        Case{"gre_in_the_tunnel", "drop: nested", in_ipip(IPv4{.protocol = 47} / hex("0000 0800") / request())},
        Case{"an_ipv6_tunnel_in_the_tunnel", "drop: nested", in_ipip6(IPv6() / IPv4() / TCP())},
        Case{"a_fragment_of_a_tunnel_in_the_tunnel", "drop: nested",
             in_ipip6(IPv6() / Extension{44, from_hex("000000010000")} / IPv4() / TCP())},
        Case{"source_routing_in_the_tunnel", "drop: inner_options",
             in_ipip(IPv4{.options = from_hex("83070408 08080800")} / TCP())},
        Case{"routing_header_in_the_tunnel", "drop: inner_options", in_ipip6(IPv6() / Extension{43} / TCP())},
        Case{"hop_by_hop_in_the_tunnel", "drop: inner_options", in_ipip6(IPv6() / Extension{0} / TCP())},
        Case{"options_behind_a_fragment_header", "drop: inner_options",
             in_ipip6(IPv6() / Extension{44} / Extension{60} / TCP())}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Outer, Decap,
    testing::Values(
        Case{"first_fragment", "drop: fragment", with(outer4(4), [](auto& ip) { ip.fragment = 0x2000; }) / request()},
        Case{"last_fragment", "drop: fragment", with(outer4(47), [](auto& ip) { ip.fragment = 0x0010; }) / payload(40)},
        Case{"first_fragment_of_udp", "drop: fragment",
             with(outer4(17), [](auto& ip) { ip.fragment = 0x2000; }) / udp(gue_port) / hex("0004 0000") / request()},
        Case{"last_fragment_of_udp_which_has_no_port", "pass",
             with(outer4(17), [](auto& ip) { ip.fragment = 0x0010; }) / udp(gue_port) / hex("0004 0000") / request()},
        Case{"first_fragment_over_ipv6", "drop: fragment", outer6(44) / hex("0400 0001 00000007") / request()},
        Case{"first_fragment_of_udp_over_ipv6", "drop: fragment",
             outer6(44) / hex("1100 0001 00000007 c350 13d8 0030 0000 0004 0000") / request()},
        Case{"last_fragment_of_udp_over_ipv6", "pass", outer6(44) / hex("1100 0100 00000007 c350 13d8 0030 0000")},
        Case{"options", "drop: ip_options", with(outer4(4), [](auto& ip) { ip.options = Bytes(4, 1); }) / request()},
        Case{"options_before_udp", "drop: ip_options",
             with(outer4(17), [](auto& ip) { ip.options = Bytes(40, 1); }) / udp(gue_port) / hex("0004 0000") /
                 request()},
        Case{"destination_option", "drop: ip_options", outer6(60) / hex("0400 c20400000001") / request()},
        Case{"routing_header", "pass", outer6(43) / hex("0400 000000000000") / request()},
        Case{"checksum", "drop: ip_checksum", with(outer4(4), [](auto& ip) { ip.checksum = 0x1234; }) / request()},
        Case{"shorter_than_its_header", "drop: ip_header",
             with(outer4(4), [](auto& ip) { ip.total_length = 19; }) / request()},
        Case{"shorter_than_its_options", "drop: ip_header",
             with(outer6(60), [](auto& ip) { ip.payload_length = 7; }) / hex("0400 040104010000") / request()},
        Case{"longer_than_the_frame", "drop: truncated",
             with(outer4(4), [](auto& ip) { ip.total_length = 71; }) / request()},
        Case{"longer_than_the_frame_over_ipv6", "drop: truncated",
             with(outer6(4), [](auto& ip) { ip.payload_length = 51; }) / request()},
        Case{"jumbogram", "drop: truncated", with(outer6(4), [](auto& ip) { ip.payload_length = 0; }) / request()},
        Case{"nothing_inside", "drop: truncated", outer4(4) / payload(0)},
        Case{"half_a_header_inside", "drop: truncated", outer4(4) / hex("4500 0014 0000")},
        Case{"udp_shorter_than_its_header", "drop: udp_length",
             outer4(17) / UDP{.destination = gue_port, .length = 7} / hex("0004 0000") / request()},
        Case{"udp_longer_than_ip", "drop: udp_length",
             outer4(17) / UDP{.destination = gue_port, .length = 63} / hex("0004 0000") / request()},
        Case{"udp_without_content", "drop: truncated", in_udp(gue_port, payload(0))}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Headers, Decap,
    testing::Values(
        Case{"gre_with_checksum", "drop: gre_flags", outer4(47) / hex("8000 0800 12340000") / request()},
        Case{"gre_with_key", "drop: gre_flags", outer4(47) / hex("2000 0800 00000001") / request()},
        Case{"gre_with_sequence_number", "drop: gre_flags", outer4(47) / hex("1000 0800 00000001") / request()},
        Case{"gre_version_1", "drop: gre_flags", outer4(47) / hex("0001 0800") / request()},
        Case{"gre_with_ethernet", "drop: inner_protocol", outer4(47) / hex("0000 6558") / Ethernet() / request()},
        Case{"gre_cut_off", "drop: truncated", outer4(47) / hex("0000")},
        Case{"fou_of_the_other_family", "drop: inner_header", in_udp(fou4_port, request6())},
        Case{"gue_variant_2", "drop: gue_version", in_udp(gue_port, hex("8004 0000") / request())},
        Case{"gue_variant_3", "drop: gue_version", in_udp(gue_port, hex("c004 0000") / request())},
        Case{"gue_variant_1_of_ip_version_5", "drop: inner_protocol", in_udp(gue_port, hex("5004 0000") / request())},
        Case{"gue_control_message", "drop: gue_control", in_udp(gue_port, hex("2001 0000") / request())},
        Case{"gue_flags", "drop: gue_flags", in_udp(gue_port, hex("0004 8000") / request())},
        Case{"gue_optional_fields", "drop: gue_flags", in_udp(gue_port, hex("0104 0000 00000000") / request())},
        Case{"gue_with_gre_where_there_is_none", "drop: inner_protocol",
             in_udp(gue_port, hex("002f 0000 0000 0800") / request())},
        Case{"gue_with_icmp", "drop: inner_protocol", in_udp(gue_port, hex("0001 0000") / request())},
        Case{"gue_with_ipv4_where_only_gre_is", "drop: inner_protocol",
             in_udp(gue_gre_port, hex("0004 0000") / request())},
        Case{"gue_that_lies_about_its_family", "drop: inner_header", in_udp(gue_port, hex("0029 0000") / request())},
        Case{"gue_cut_off", "drop: truncated", in_udp(gue_port, hex("0004"))},
        Case{"geneve_version_1", "drop: geneve_version",
             in_udp(geneve_port, hex("4000 6558 00029a00") / Ethernet() / request())},
        Case{"geneve_control_packet", "drop: geneve_control",
             in_udp(geneve_port, hex("0080 6558 00029a00") / Ethernet() / request())},
        Case{"geneve_critical_option", "drop: geneve_control",
             in_udp(geneve_port, hex("0140 6558 00029a00 00008000") / Ethernet() / request())},
        Case{"geneve_of_another_network", "drop: vni",
             in_udp(geneve_port, hex("0000 6558 00029b00") / Ethernet() / request())},
        Case{"geneve_options_cut_off", "drop: truncated", in_udp(geneve_port, hex("3f00 6558 00029a00") / request())},
        Case{"geneve_without_inner_ethernet", "drop: truncated", in_udp(geneve_port, hex("0000 6558 00029a00"))},
        Case{"geneve_with_arp", "drop: inner_protocol",
             in_udp(geneve_port, hex("0000 6558 00029a00") / Ethernet{.type = 0x0806} / payload(28))},
        Case{"inner_version", "drop: inner_header", in_ipip(IPv4{.version = 5} / TCP())},
        Case{"inner_header_length", "drop: inner_header", in_ipip(IPv4{.header_words = 4} / TCP())},
        Case{"inner_length_below_its_header", "drop: inner_header", in_ipip(IPv4{.total_length = 19} / TCP())},
        Case{"inner_length_beyond_the_outer", "drop: inner_header", in_ipip(IPv4{.total_length = 41} / TCP())},
        Case{"inner_length_beyond_the_outer6", "drop: inner_header", in_ipip6(IPv6{.payload_length = 21} / TCP())},
        Case{"inner_version6", "drop: inner_header", in_ipip6(IPv6{.version = 4} / TCP())}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    NoneOfOurBusiness, Decap,
    testing::Values(
        Case{"a_plain_request", "pass", IPv4{.destination = "10.0.2.30"} / TCP()},
        Case{"a_plain_request6", "pass", IPv6{.destination = "fd00:0:0:2::30"} / TCP()},
        Case{"a_request_to_a_vip", "pass", request()}, Case{"another_port", "pass", in_udp(4789, request())},
        Case{"a_tunnel_to_another_host", "pass",
             with(outer4(4), [](auto& ip) { ip.destination = "10.0.2.31"; }) / request()},
        Case{"a_tunnel_to_another_host6", "pass",
             with(outer6(41), [](auto& ip) { ip.destination = "fd00:0:0:2::31"; }) / request6()},
        Case{"a_tunnel_to_a_vip", "pass", with(outer4(4), [](auto& ip) { ip.destination = "192.0.2.1"; }) / request()},
        Case{"icmp", "pass", outer4(1) / hex("0800 f7ff 0000 0000")},
        Case{"half_a_udp_header", "pass", outer4(17) / hex("c350 13d8")}, Case{"arp", "pass", Packet(payload(28))},
        Case{"a_port_bound_to_another_peer_port", "pass",
             outer4(17) / UDP{.source = 8, .destination = bound_port} / hex("0004 0000") / request()},
        Case{"a_port_bound_to_another_peer", "pass",
             with(outer4(17), [](auto& ip) { ip.source = "10.0.0.2"; }) / UDP{.source = 7, .destination = bound_port} /
                 hex("0004 0000") / request()},
        Case{"a_port_of_the_other_family", "pass",
             outer6(17) / UDP{.source = 7, .destination = bound_port} / hex("0004 0000") / request()}),
    name_of);

TEST_F(DecapTest, TheGuardMayOnlyCountOrBeOff) {
    const IPv4 strangers = with(outer4(4), [](auto& ip) { ip.source = "10.0.1.1"; });
    const Packet request_to_host = IPv4{.destination = "10.0.2.30"} / TCP();
    const Packet request_of_vip = IPv6{.source = "2001:db8::99"} / TCP();
    const Packet tunnel = IPv4() / IPv4() / TCP();
    for (const auto policy : {DECAP_GUARD_LOG, DECAP_GUARD_OFF}) {
        decap_config config = unwrap_all();
        config.guard = policy;
        Decapsulator open(config);
        const auto expect_let_pass = [&](const Packet& outer, const Packet& inner, decap_reason reason) {
            const Outcome outcome = open.receive(Ethernet() / outer / inner);
            EXPECT_EQ(outcome.fate, "pass");
            EXPECT_TRUE(same(Ethernet() / inner, outcome.frame));
            EXPECT_EQ(open.let_pass(reason), policy == DECAP_GUARD_LOG ? 1 : 0);
        };
        expect_let_pass(strangers, request(), DECAP_DROP_SOURCE);
        expect_let_pass(outer4(4), request_to_host, DECAP_DROP_NO_VIP);
        expect_let_pass(outer4(41), request_of_vip, DECAP_DROP_INNER_SOURCE);
        expect_let_pass(outer4(4), tunnel, DECAP_DROP_NESTED);
        (void)open.receive(Ethernet() / strangers / request_to_host);
        EXPECT_EQ(open.let_pass(DECAP_DROP_NO_VIP), policy == DECAP_GUARD_LOG ? 1 : 0) << "a packet has one reason";
        EXPECT_EQ(open.receive(Ethernet() / outer4(4) / payload(0)).fate, "drop: truncated");
    }
}

TEST_F(DecapTest, APortBoundToAPeerTakesWhatComesFromIt) {
    const Packet packet =
        Ethernet() / outer4(17) / UDP{.source = 7, .destination = bound_port} / hex("0004 0000") / request();
    const Outcome outcome = decapsulator().receive(packet);
    EXPECT_EQ(outcome.fate, "pass");
    EXPECT_TRUE(same(Ethernet() / request(), outcome.frame));
}

// RFC 2473, section 4.1.1: ip6tnl adds it by default.
TEST_F(DecapTest, TheEncapsulationLimitIsSkipped) {
    const Outcome outcome = decapsulator().receive(Ethernet() / outer6(60) / hex("0400 040104010000") / request());
    EXPECT_EQ(outcome.fate, "pass");
    EXPECT_TRUE(same(Ethernet() / request(), outcome.frame));
}

// The stack verifies the inner checksums. A virtual network card delivers packets with an incomplete outer checksum.
TEST_F(DecapTest, TheOuterUdpChecksumDoesNotMatter) {
    for (const auto checksum : {std::uint16_t{0}, std::uint16_t{0x1234}}) {
        const Packet outer = outer6(17) / UDP{.destination = gue_port, .checksum = checksum} / hex("0004 0000");
        const Outcome outcome = decapsulator().receive(Ethernet() / outer / request());
        EXPECT_EQ(outcome.fate, "pass");
        EXPECT_TRUE(same(Ethernet() / request(), outcome.frame));
    }
}

TEST_F(DecapTest, WhatFollowsTheInnerPacketIsLeftToTheStack) {
    const Outcome outcome = decapsulator().receive(Ethernet() / outer4(4) / request() / Padding{6});
    EXPECT_EQ(outcome.fate, "pass");
    EXPECT_TRUE(same(Ethernet() / request() / Padding{6}, outcome.frame));
}

TEST_F(DecapTest, FragmentsOfClientsPacketsComeOut) {
    const Packet last = IPv4{.fragment = 0x0010} / payload(24);
    const Packet first6 = IPv6() / Extension{44, from_hex("000100000007")} / TCP();
    EXPECT_TRUE(same(Ethernet() / last, decapsulator().receive(Ethernet() / outer4(4) / last).frame));
    EXPECT_TRUE(same(Ethernet() / first6, decapsulator().receive(Ethernet() / outer4(41) / first6).frame));
}

}  // namespace
}  // namespace culvert::packet
