// SPDX-License-Identifier: Apache-2.0
#include "netlink/attributes.hpp"

#include <gmock/gmock.h>

#include "netlink/datagram.hpp"
#include "netlink/message.hpp"
#include "tests/unit/netlink/values.hpp"

namespace culvert::netlink {
namespace {

struct Header {
    std::uint32_t family;
};

TEST(MessageTest, WhatIsWrittenIsRead) {
    Message message(17, 0, Header{9});
    message.u8(1, 8).u16(2, 1600).u32(3, 320000).be16(4, 5080).be32(5, 0x01020304);
    message.text(6, "tun4").address(7, ip("192.0.2.1")).address(8, ip("2001:db8::1"));
    message.mac(9, mac("02:00:00:00:00:01")).flag(10);
    message.nest(11, [](Message& list) { list.u8(1, 77).nest(2, [](Message& /*empty*/) {}); });

    const auto parsed = parse<Header>(message.bytes());
    ASSERT_TRUE(message.fits() && parsed.has_value());
    EXPECT_EQ(parsed->message.nlmsg_type, 17);
    EXPECT_EQ(parsed->header.family, 9);
    const Attributes& attributes = parsed->attributes;
    EXPECT_EQ(attributes.u8(1), 8);
    EXPECT_EQ(attributes.u16(2), 1600);
    EXPECT_EQ(attributes.u32(3), 320000);
    EXPECT_EQ(attributes.be16(4), 5080);
    EXPECT_EQ(attributes.find(4)->front(), std::byte{5080 >> 8}) << "network order";
    EXPECT_EQ(attributes.be32(5), 0x01020304);
    EXPECT_EQ(attributes.text(6), "tun4");
    EXPECT_EQ(attributes.address(7), ip("192.0.2.1"));
    EXPECT_EQ(attributes.address(8), ip("2001:db8::1"));
    EXPECT_EQ(attributes.mac(9), mac("02:00:00:00:00:01"));
    EXPECT_TRUE(attributes.flag(10));
    EXPECT_EQ(attributes.nested(11).u8(1), 77);
    EXPECT_TRUE(attributes.nested(11).flag(2)) << "an empty nest stays";
    EXPECT_FALSE(attributes.flag(12));
}

TEST(MessageTest, OverflowIsRememberedWhateverFollows) {
    Message message(17, 0, Header{});
    message.text(1, std::string(5000, 'x')).u8(2, 1);
    EXPECT_FALSE(message.fits());
    Message nested(17, 0, Header{});
    nested.nest(1, [](Message& list) {
        for (int i = 0; i < 2000; ++i) list.u32(2, 1);
    });
    nested.flag(3);
    EXPECT_FALSE(nested.fits());
}

TEST(AttributesTest, WrongSizeIsAbsent) {
    Message message(17, 0, Header{});
    message.u16(1, 1).u32(2, 2).put(3, "abcde", 5);
    const Attributes attributes = parse<Header>(message.bytes())->attributes;
    EXPECT_EQ(attributes.u8(1), std::nullopt);
    EXPECT_EQ(attributes.u32(1), std::nullopt);
    EXPECT_EQ(attributes.be16(2), std::nullopt);
    EXPECT_EQ(attributes.address(3), std::nullopt);
    EXPECT_EQ(attributes.mac(3), std::nullopt);
    EXPECT_EQ(attributes.structure<std::uint64_t>(3), std::nullopt);
    EXPECT_EQ(attributes.structure<char>(3), 'a') << "a longer one may come from a newer kernel";
    EXPECT_EQ(attributes.text(3), "abcde") << "no NUL needed";
}

TEST(AttributesTest, LastOfEqualTypesCounts) {
    Message message(17, 0, Header{});
    message.u8(1, 1).u8(1, 2);
    EXPECT_EQ(parse<Header>(message.bytes())->attributes.u8(1), 2);
}

TEST(DatagramTest, SplitEndsAtWhatIsMalformed) {
    const Message one(17, 0, Header{1});
    const Message two(18, 0, Header{2});
    std::vector<std::byte> datagram(one.bytes().begin(), one.bytes().end());
    datagram.insert(datagram.end(), two.bytes().begin(), two.bytes().end());
    EXPECT_EQ(split(datagram).size(), 2);
    datagram.pop_back();
    EXPECT_EQ(split(datagram).size(), 1);
    datagram.front() = std::byte{3};
    EXPECT_THAT(split(datagram), testing::IsEmpty());
    EXPECT_THAT(split({}), testing::IsEmpty());
}

}  // namespace
}  // namespace culvert::netlink
