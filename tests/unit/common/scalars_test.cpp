// SPDX-License-Identifier: Apache-2.0
#include "common/scalars.hpp"

#include <gtest/gtest.h>

#include "reading.hpp"

namespace culvert::common::yaml {
namespace {

using namespace std::chrono_literals;
using netlink::IpAddress;

const auto weight = number<std::uint16_t>("a weight");
const auto idle = duration("an idle time", 1s, 24h);
const auto entries = [](const Value& value) { return size_between(value, "a number of entries", 1 << 10, 1 << 30); };

TEST(Scalars, QuotesMakeNoDifference) {
    EXPECT_EQ(read("53", port), 53);
    EXPECT_EQ(read("'53'", port), 53);
    EXPECT_EQ(read("\"53\"", string), "53");
    EXPECT_EQ(read("on", string), "on");
}

TEST(Scalars, AValueIsNoListNoMapAndNotNothing) {
    EXPECT_EQ(refusal("[1]", port), "1:1: a list is not a port: write a number from 1 to 65535");
    EXPECT_EQ(refusal("{a: 1}", port), "1:1: a map is not a port: write a number from 1 to 65535");
    EXPECT_EQ(refusal("- ~", list_of(port, {})),
              "1:3: no value where a port should be: write a number from 1 to 65535");
}

TEST(Scalars, StringIsOneLineOfText) {
    EXPECT_EQ(read("a b: \"c\"", list_of(string, {})).error().size(), 1U);
    EXPECT_EQ(refusal("''", string), "1:1: \"\" is not a text: write one line of printable characters");
    EXPECT_EQ(refusal("\"a\\x1b\"", string), "1:1: \"a\\x1b\" is not a text: write one line of printable characters");
    EXPECT_EQ(refusal("|\n a\n b\n", string),
              "1:1: \"a\\nb\\n\" is not a text: write one line of printable characters");
}

TEST(Scalars, BooleanIsTrueOrFalse) {
    EXPECT_EQ(read("true", boolean), true);
    EXPECT_EQ(read("false", boolean), false);
    for (const auto* text : {"yes", "on", "True", "1"})
        EXPECT_EQ(refusal(text, boolean),
                  fmt::format("1:1: \"{}\" is not a yes-or-no value: write true or false", text));
}

TEST(Scalars, NumbersAreDecimal) {
    EXPECT_EQ(read("0", weight), 0);
    EXPECT_EQ(read("65535", weight), 65535);
    EXPECT_EQ(refusal("010", weight), "1:1: \"010\" has a leading zero, which some programs read as octal: write 10");
    for (const auto* text : {"65536", "-1", "+1", "0x10", "1_000", "1.0", "1e3", "ten", "18446744073709551616"})
        EXPECT_EQ(refusal(text, weight),
                  fmt::format("1:1: \"{}\" is not a weight: write a number from 0 to 65535", text));
    EXPECT_EQ(refusal("0", port), "1:1: \"0\" is not a port: write a number from 1 to 65535");
    EXPECT_EQ(refusal("00", port), "1:1: \"00\" is not a port: write a number from 1 to 65535");
}

TEST(Scalars, AddressIsOneHost) {
    EXPECT_EQ(read("192.0.2.1", address), *IpAddress::parse("192.0.2.1"));
    EXPECT_EQ(read("2001:db8::1", address), *IpAddress::parse("2001:db8::1"));
    for (const auto* text : {"192.0.2", "192.0.2.256", "www.example.com", "fe80::1%eth0", "192.0.2.01"})
        EXPECT_EQ(refusal(text, address),
                  fmt::format("1:1: \"{}\" is not an IP address: write one such as 192.0.2.1 or 2001:db8::1 "
                              "(names are not looked up)",
                              text));
    EXPECT_EQ(refusal("192.0.2.1/24", address),
              "1:1: \"192.0.2.1/24\" has a prefix length, but a single address is needed: write 192.0.2.1");
    EXPECT_EQ(refusal("\"::ffff:192.0.2.1\"", address),
              "1:1: \"::ffff:192.0.2.1\" is an IPv4 address written as IPv6: write 192.0.2.1");
}

TEST(Scalars, PrefixHasNoHostBits) {
    EXPECT_EQ(read("192.0.2.0/24", prefix)->to_string(), "192.0.2.0/24");
    EXPECT_EQ(read("192.0.2.1", prefix)->to_string(), "192.0.2.1/32");
    EXPECT_EQ(read("fd00::/64", prefix)->to_string(), "fd00::/64");
    EXPECT_EQ(
        refusal("192.0.2.1/24", prefix),
        "1:1: \"192.0.2.1/24\" has host bits set: write 192.0.2.0/24 for the network or 192.0.2.1 for the address");
    EXPECT_EQ(
        refusal("192.0.2.0/33", prefix),
        "1:1: \"192.0.2.0/33\" is not an IP network: write one such as 192.0.2.0/24 or 2001:db8::/32, or an address");
}

TEST(Scalars, InterfaceNameIsWhatTheKernelTakes) {
    EXPECT_EQ(read("enp3s0f0np0.100", interface_name), "enp3s0f0np0.100");
    EXPECT_EQ(read("br_lan-1@x", interface_name), "br_lan-1@x");
    for (const auto* text : {"enp3s0f0np0.1000", "a/b", "a b", "eth%d", ".", ".."})
        EXPECT_EQ(
            refusal(text, interface_name),
            fmt::format("1:1: \"{}\" is not an interface name: write 1 to 15 characters without space, / : %", text));
}

TEST(Scalars, DurationHasAUnit) {
    EXPECT_EQ(read("1500ms", idle), 1500ms);
    EXPECT_EQ(read("120s", idle), 2min);
    EXPECT_EQ(read("2m", idle), 2min);
    EXPECT_EQ(read("24h", idle), 24h);
    EXPECT_EQ(refusal("120", idle), "1:1: \"120\" has no unit: write 120s for seconds");
    for (const auto* text :
         {"999ms", "25h", "1.5s", "2 m", "2M", "s", "-1s", "99999999999999999999h", "18446744073709551615h", "1d"})
        EXPECT_EQ(refusal(text, idle),
                  fmt::format("1:1: \"{}\" is not an idle time: write 1s to 24h, in ms, s, m or h", text));
}

TEST(Scalars, SizeIsInPowersOf1024) {
    EXPECT_EQ(read("4096", entries), 4096U);
    EXPECT_EQ(read("64k", entries), 65536U);
    EXPECT_EQ(read("4M", entries), 4U << 20);
    EXPECT_EQ(read("1G", entries), 1U << 30);
    for (const auto* text : {"4MB", "4m", "4 M", "1023", "2G", "0x1000", "4Mi", "M", "17179869184G"})
        EXPECT_EQ(
            refusal(text, entries),
            fmt::format("1:1: \"{}\" is not a number of entries: write 1k to 1G, where k, M and G are powers of 1024",
                        text));
}

TEST(Scalars, SizeTextIsTheShortest) {
    EXPECT_EQ(size_text(4 << 20), "4M");
    EXPECT_EQ(size_text(1025), "1025");
    EXPECT_EQ(size_text(0), "0");
}

TEST(Scalars, OneOfNamesTheChoicesOrTheNearest) {
    const auto state = one_of<int>("a state", {{"active", 1}, {"drain", 2}, {"down", 3}});
    EXPECT_EQ(read("drain", state), 2);
    EXPECT_EQ(refusal("drian", state), "1:1: \"drian\" is not a state: did you mean drain?");
    EXPECT_EQ(refusal("sleeping", state), "1:1: \"sleeping\" is not a state: write active, drain or down");
    EXPECT_EQ(refusal("x", one_of<int>("a state", {{"active", 1}})), "1:1: \"x\" is not a state: write active");
}

TEST(Scalars, EncapsulationsAreKnownByName) {
    for (const EncapKind kind : encap_kinds) EXPECT_EQ(read(name(kind), encap_kind), kind);
    EXPECT_EQ(refusal("IPIP", encap_kind), "1:1: \"IPIP\" is not an encapsulation: did you mean ipip?");
}

TEST(Scalars, DscpIsSixBitsAndNotZero) {
    EXPECT_EQ(read("63", dscp), 63);
    for (const auto* text :
         {"0", "64", "CS0", "df", "0x", "0x0", "0x40", "0x100", "0X1c", "010", "-1", "AF14", "AF", "EFF", ""})
        EXPECT_EQ(
            refusal(fmt::format("\"{}\"", text), dscp),
            fmt::format("1:1: \"{}\" is not a DSCP that marks a VIP: write a number from 1 to 63, or a name such as "
                        "AF11, CS1 or EF",
                        text));
}

TEST(Scalars, DscpMayBeHexadecimalOrAName) {
    for (const auto* text : {"28", "0x1c", "0x1C", "'0x1c'", "AF32", "af32"}) EXPECT_EQ(read(text, dscp), 28) << text;
    EXPECT_EQ(read("LE", dscp), 1);
    EXPECT_EQ(read("CS1", dscp), 8);
    EXPECT_EQ(read("AF11", dscp), 10);
    EXPECT_EQ(read("AF43", dscp), 38);
    EXPECT_EQ(read("VA", dscp), 44);
    EXPECT_EQ(read("EF", dscp), 46);
    EXPECT_EQ(read("CS7", dscp), 56);
}

TEST(Scalars, ASingleAddressMayHaveItsLength) {
    EXPECT_EQ(read("192.0.2.1", single_address), *IpAddress::parse("192.0.2.1"));
    EXPECT_EQ(read("192.0.2.1/32", single_address), *IpAddress::parse("192.0.2.1"));
    EXPECT_EQ(read("\"2001:db8::1/128\"", single_address), *IpAddress::parse("2001:db8::1"));
    EXPECT_EQ(refusal("192.0.2.0/24", single_address),
              "1:1: \"192.0.2.0/24\" has a prefix length, but a single address is needed: write 192.0.2.0");
    EXPECT_EQ(refusal("\"::ffff:192.0.2.1/128\"", single_address),
              "1:1: \"::ffff:192.0.2.1/128\" is an IPv4 address written as IPv6: write 192.0.2.1");
    EXPECT_EQ(refusal("[192.0.2.1]", single_address),
              "1:1: a list is not an IP address: write one such as 192.0.2.1 or 2001:db8::1 (names are not looked up)");
}

}  // namespace
}  // namespace culvert::common::yaml
