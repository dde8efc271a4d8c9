// SPDX-License-Identifier: Apache-2.0
#include "lbd/plan/template.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "tests/unit/lbd/address.hpp"

namespace culvert::lbd {
namespace {

using netlink::MacAddress;

const Fou fou{.port = 5004};
const Gue gue{.port = 5080};

NextHop next_hop(Family outer, std::uint16_t mtu = 1500) {
    return {.ifindex = 7,
            .source = {{2, 0, 0, 0, 0, 2}},
            .destination = {{2, 0, 0, 0, 0, 3}},
            .from = address(outer == Family::ipv4 ? "10.0.0.1" : "fd00::1"),
            .mtu = mtu};
}

lb_dest_body body(const Encap& encap, Family inner, Family outer, std::uint16_t mtu = 1500) {
    return make_body(encap, inner, address(outer == Family::ipv4 ? "10.0.2.30" : "fd00::30"), next_hop(outer, mtu));
}

std::string without_spaces(std::string text) {
    std::erase(text, ' ');
    return text;
}

std::string hex(std::span<const std::uint8_t> bytes) { return fmt::format("{:02x}", fmt::join(bytes, "")); }

std::string start_of_template(const lb_dest_body& body, std::size_t length) {
    return hex(std::span(body.bytes).first(length));
}

struct Case {
    const char* name;
    Encap encap;
    Family inner;
    Family outer;
    const char* bytes;  ///< of the template: Ethernet, outer IP header, then the rest
};
void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

constexpr auto ipv4 = Family::ipv4;
constexpr auto ipv6 = Family::ipv6;

#define ETHERNET "020000000003 020000000002 "
#define IPV4(protocol) ETHERNET "0800 4500 0000 0000 4000 40" protocol " 0000 0a000001 0a00021e "
#define IPV6(protocol) \
    ETHERNET "86dd 60000000 0000 " protocol "40 fd000000000000000000000000000001 fd000000000000000000000000000030 "

const Case cases[] = {
    {"Ipip4In4", Ipip{}, ipv4, ipv4, IPV4("04")},
    {"Ipip6In4", Ipip{}, ipv6, ipv4, IPV4("29")},
    {"Ipip4In6", Ipip{}, ipv4, ipv6, IPV6("04")},
    {"Ipip6In6", Ipip{}, ipv6, ipv6, IPV6("29")},
    {"Gre4In4", Gre{}, ipv4, ipv4, IPV4("2f") "0000 0800"},
    {"Gre6In4", Gre{}, ipv6, ipv4, IPV4("2f") "0000 86dd"},
    {"Gre4In6", Gre{}, ipv4, ipv6, IPV6("2f") "0000 0800"},
    {"Gre6In6", Gre{}, ipv6, ipv6, IPV6("2f") "0000 86dd"},
    {"Fou4In4", fou, ipv4, ipv4, IPV4("11") "0000 138c 0000 0000"},
    {"Fou6In4", fou, ipv6, ipv4, IPV4("11") "0000 138c 0000 0000"},
    {"Fou4In6", fou, ipv4, ipv6, IPV6("11") "0000 138c 0000 0000"},
    {"Fou6In6", fou, ipv6, ipv6, IPV6("11") "0000 138c 0000 0000"},
    {"Gue4In4", gue, ipv4, ipv4, IPV4("11") "0000 13d8 0000 0000 00 04 0000"},
    {"Gue6In4", gue, ipv6, ipv4, IPV4("11") "0000 13d8 0000 0000 00 29 0000"},
    {"Gue4In6", gue, ipv4, ipv6, IPV6("11") "0000 13d8 0000 0000 00 04 0000"},
    {"Gue6In6", gue, ipv6, ipv6, IPV6("11") "0000 13d8 0000 0000 00 29 0000"},
};

#undef ETHERNET
#undef IPV4
#undef IPV6

/// RFC 1071's sum, in the byte order in which it is stored.
std::uint16_t stored_sum(const std::vector<std::span<const std::uint8_t>>& parts) {
    unsigned even = 0, odd = 0;
    for (const auto& part : parts)
        for (std::size_t i = 0; i < part.size(); ++i) (i % 2 ? odd : even) += part[i];
    unsigned sum = even * 256 + odd;
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum << 8 | sum >> 8);
}

class Template : public testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(Of, Template, testing::ValuesIn(cases), [](const auto& test) { return test.param.name; });

TEST_P(Template, IsTheseBytesAndNothingBehindThem) {
    const lb_dest_body made = body(GetParam().encap, GetParam().inner, GetParam().outer);
    const std::string expected = without_spaces(GetParam().bytes);
    EXPECT_EQ(start_of_template(made, made.head_len), expected);
    EXPECT_EQ(made.head_len, expected.size() / 2);
    for (const std::uint8_t byte : std::span(made.bytes).subspan(made.head_len)) EXPECT_EQ(byte, 0);
}

TEST_P(Template, SaysHowToSend) {
    const lb_dest_body made = body(GetParam().encap, GetParam().inner, GetParam().outer);
    EXPECT_EQ(made.action, LB_ACTION_ENCAP);
    EXPECT_EQ(made.l2_len, 14);
    EXPECT_EQ(made.ifindex, 7U);
    EXPECT_EQ(made.reason, 0);
    EXPECT_EQ(made.dscp, 0);
    EXPECT_GE(made.head_len, LB_TEMPLATE_MIN);
    const bool has_udp = std::holds_alternative<Fou>(GetParam().encap) || std::holds_alternative<Gue>(GetParam().encap);
    EXPECT_EQ((made.flags & LB_ENCAP_OUTER6) != 0, GetParam().outer == Family::ipv6);
    EXPECT_EQ((made.flags & LB_ENCAP_UDP) != 0, has_udp);
    EXPECT_EQ((made.flags & LB_ENCAP_UDP_CSUM) != 0, has_udp && GetParam().outer == Family::ipv6);
}

TEST_P(Template, LeavesTheClientWhatThePathTakesLessTheOuterHeaders) {
    const lb_dest_body made = body(GetParam().encap, GetParam().inner, GetParam().outer, 1500);
    EXPECT_EQ(made.mtu, 1500 - (made.head_len - 14));
    EXPECT_EQ(body(GetParam().encap, GetParam().inner, GetParam().outer, 19).mtu, 0)
        << "not even the outer headers fit";
    EXPECT_EQ(body(GetParam().encap, GetParam().inner, GetParam().outer, 65535).mtu, 65535 - (made.head_len - 14));
}

TEST_P(Template, HasTheSumOfItsIPv4Header) {
    const lb_dest_body made = body(GetParam().encap, GetParam().inner, GetParam().outer);
    const auto header = std::span(made.bytes).subspan(14, 20);
    EXPECT_EQ(made.ip_sum, GetParam().outer == Family::ipv4 ? stored_sum({header}) : 0);
}

TEST_P(Template, HasTheSumOfWhatItsUdpChecksumCovers) {
    const lb_dest_body made = body(GetParam().encap, GetParam().inner, GetParam().outer);
    const std::span bytes = std::span(made.bytes).first(made.head_len);
    if (made.flags & LB_ENCAP_UDP_CSUM) {
        const std::vector<std::uint8_t> protocol{0, 17};
        EXPECT_EQ(made.udp_sum, stored_sum({bytes.subspan(14 + 8, 32), protocol, bytes.subspan(14 + 40)}));
    } else {
        EXPECT_EQ(made.udp_sum, 0);
    }
}

TEST(TemplateOfUdp, HasAChecksumAsConfigured) {
    struct {
        UdpChecksum checksum;
        Family outer;
        bool expected;
    } const table[] = {
        {UdpChecksum::automatic, ipv4, false}, {UdpChecksum::automatic, ipv6, true}, {UdpChecksum::on, ipv4, true},
        {UdpChecksum::on, ipv6, true},         {UdpChecksum::off, ipv4, false},      {UdpChecksum::off, ipv6, false},
    };
    for (const auto& [checksum, outer, expected] : table) {
        for (const Encap& encap : {Encap{Fou{5004, checksum}}, Encap{Gue{5080, checksum}}}) {
            const lb_dest_body made = body(encap, ipv4, outer);
            EXPECT_EQ((made.flags & LB_ENCAP_UDP_CSUM) != 0, expected);
            EXPECT_EQ(made.udp_sum != 0, expected);
        }
    }
}

TEST(TemplateOfL2, IsTheEthernetHeader) {
    const lb_dest_body made = body(L2{}, ipv4, ipv4);
    EXPECT_EQ(made.action, LB_ACTION_L2);
    EXPECT_EQ(start_of_template(made, made.head_len), "0200000000030200000000020800");
    EXPECT_EQ(made.mtu, 1500);
    EXPECT_EQ(made.ifindex, 7U);
    EXPECT_EQ(made.flags, 0);
    EXPECT_EQ(start_of_template(body(L2{}, ipv6, ipv6), 14), "02000000000302000000000286dd");
}

// The frame's type is that of the client's packet, whatever the family of the backend's address.
TEST(TemplateOfL2, IsOfTheClientsFamily) {
    EXPECT_EQ(start_of_template(body(L2{}, ipv6, ipv4), 14), "02000000000302000000000286dd");
    EXPECT_EQ(start_of_template(body(L2{}, ipv4, ipv6), 14), "0200000000030200000000020800");
}

TEST(TemplateOfL3dsr, HoldsTheBackendsAddressBehindTheEthernetHeader) {
    const lb_dest_body v4 = body(L3dsr{.dscp = 63}, ipv4, ipv4);
    EXPECT_EQ(v4.action, LB_ACTION_L3DSR);
    EXPECT_EQ(v4.dscp, 63);
    EXPECT_EQ(v4.head_len, 14);
    EXPECT_EQ(v4.mtu, 1500);
    EXPECT_EQ(start_of_template(v4, 14 + 4), "02000000000302000000000208000a00021e");
    const lb_dest_body v6 = body(L3dsr{.dscp = 1}, ipv6, ipv6);
    EXPECT_EQ(start_of_template(v6, 14 + 16), "02000000000302000000000286ddfd000000000000000000000000000030");
}

TEST(TemplateOfADrop, HoldsTheReasonAlone) {
    const lb_dest_body made = drop_body(LB_DROP_NO_NEIGHBOUR);
    EXPECT_EQ(made.action, LB_ACTION_DROP);
    EXPECT_EQ(made.reason, LB_DROP_NO_NEIGHBOUR);
    EXPECT_TRUE(std::ranges::all_of(made.bytes, [](std::uint8_t byte) { return byte == 0; }));
}

}  // namespace
}  // namespace culvert::lbd
