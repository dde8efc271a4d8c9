// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/packet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace culvert::packet {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// RFC 1071, section 3.
TEST(PacketLanguage, ChecksumIsThatOfTheExampleInTheRfc) {
    EXPECT_EQ(internet_checksum(from_hex("0001 f203 f4f5 f6f7")), 0xffff - 0xddf2);
    EXPECT_EQ(internet_checksum(from_hex("ab")), 0xffff - 0xab00);
}

TEST(PacketLanguage, UdpOverIPv4IsWhatScapyMakes) {
    const Packet packet = Ethernet{.source = "02:00:00:00:00:0a", .destination = "02:00:00:00:00:0b"} /
                          IPv4{.source = "10.0.0.1", .destination = "10.0.0.2", .tos = 4, .id = 7, .fragment = 0} /
                          UDP{.source = 53, .destination = 54} / Payload{{'a', 'b', 'c'}};
    EXPECT_EQ(packet.bytes(), from_hex("02000000000b 02000000000a 0800"
                                       "4504 001f 0007 0000 4011 66c1 0a000001 0a000002"
                                       "0035 0036 000b 2708 616263"));
}

TEST(PacketLanguage, TcpOverIPv6OverGreIsWhatScapyMakes) {
    const Packet packet = IPv6{.source = "fd00::1", .destination = "fd00::2", .traffic_class = 3, .flow_label = 9} /
                          Gre() / IPv6{.source = "fd00::3", .destination = "fd00::4"} /
                          TCP{.source = 1, .destination = 2, .flags = syn | ack, .options = {2, 4, 5, 0xb4}} /
                          Payload{{'x'}};
    EXPECT_EQ(packet.bytes(), from_hex("60300009 0045 2f40"
                                       "fd000000000000000000000000000001 fd000000000000000000000000000002"
                                       "0000 86dd"
                                       "60000000 0019 0640"
                                       "fd000000000000000000000000000003 fd000000000000000000000000000004"
                                       "0001 0002 01020304 05060708 6012 2000 f5f5 0000 020405b4 78"));
}

TEST(PacketLanguage, PaddingIsBehindThePacketAndInNoLength) {
    const Packet bare = Ethernet() / IPv4() / UDP();
    Bytes expected = bare.bytes();
    expected.resize(60);
    EXPECT_EQ(padded(bare).bytes(), expected);
}

TEST(PacketLanguage, DifferenceIsEmptyForTheSameBytes) {
    const Packet packet = Ethernet() / IPv4() / UDP();
    EXPECT_EQ(difference(packet, packet.bytes()), "");
}

TEST(PacketLanguage, DifferenceNamesTheHeaderAndMarksTheBytes) {
    const Packet packet = Ethernet() / IPv4() / UDP{.source = 1, .destination = 2, .checksum = 0};
    Bytes frame = packet.bytes();
    frame[37] = 0x77;
    EXPECT_THAT(difference(packet, frame), HasSubstr("UDP + 0 (at 34)\n"
                                                     "  expected 0001 0002 0008 0000\n"
                                                     "  got      0001 0077 0008 0000\n"
                                                     "                  ^^          \n"));
}

TEST(PacketLanguage, DifferenceShowsWhatIsMissingAndWhatIsTooMuch) {
    const Packet packet = Ethernet() / IPv4() / Payload{{1, 2, 3}};
    Bytes frame = packet.bytes();
    frame.pop_back();
    EXPECT_THAT(difference(packet, frame),
                AllOf(HasSubstr("expected 37 bytes, got 36"), HasSubstr("  got      0102\n")));
    frame = packet.bytes();
    frame.push_back(0xee);
    EXPECT_THAT(difference(packet, frame), AllOf(HasSubstr("expected 37 bytes, got 38"), HasSubstr("  got      ee\n")));
}

}  // namespace
}  // namespace culvert::packet
