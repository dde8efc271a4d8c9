// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/capture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "tests/packet/balancer.hpp"
#include "tests/packet/paths.hpp"

namespace culvert::packet {
namespace {

using testing::HasSubstr;

class Tshark : public BalancerTest {
  protected:
    void SetUp() override {
        BalancerTest::SetUp();
        if (std::system("command -v tshark >/dev/null") != 0) GTEST_SKIP() << "tshark is not installed";
    }
};

/// The packet's headers by tshark's names.
std::string headers(const Packet& packet) {
    static const std::map<std::string, std::string> names{{"Ethernet", "eth"}, {"IPv4", "ip"},      {"IPv6", "ipv6"},
                                                          {"TCP", "tcp"},      {"UDP", "udp"},      {"GRE", "gre"},
                                                          {"GUE", "gue"},      {"Geneve", "geneve"}};
    std::string text;
    for (const Place& place : packet.places())
        if (const auto found = names.find(place.name); found != names.end())
            text += (text.empty() ? "" : ":") + found->second;
    return text;
}

TEST_F(Tshark, FindsNothingMalformedAndNoWrongChecksumInTheWholeMatrix) {
    std::vector<Bytes> frames;
    std::vector<std::string> expected;
    for (const Path& path : all_paths()) {
        install(shared(), path);
        for (const std::size_t size : {0, 1, 2, 33, 1400})
            for (const bool has_checksum : {true, false}) {
                if (!has_checksum && path.protocol == Protocol::tcp) continue;
                Sent sent{.tos = 0xb9, .data = payload(size)};
                if (!has_checksum) sent.udp_checksum = 0;
                frames.push_back(padded(sent_frame(path, sent)).bytes());
                expected.push_back("in " + name(path) + ' ' + headers(sent_frame(path, sent)));
                frames.push_back(shared().receive(frames.back()).frame);
                expected.push_back("out " + name(path) + ' ' + headers(forwarded_frame(path, sent, {})));
            }
    }
    const std::vector<Dissection> found = dissect(frames);
    for (std::size_t i = 0; i < frames.size(); ++i) {
        EXPECT_EQ(found[i].faults, "") << expected[i];
        EXPECT_THAT(expected[i], testing::EndsWith(' ' + found[i].headers));
    }
}

// An empty result means something only if errors would be found.
TEST_F(Tshark, FindsWhatIsWrong) {
    const UDP gue{.source = 50000, .destination = 5080}, fou{.source = 50000, .destination = 5004};
    const Packet inner = IPv4() / TCP() / payload(20);
    Bytes cut = (Ethernet() / IPv4{.total_length = 20 + 8 + 59} / fou / inner).bytes();
    cut.pop_back();
    const auto found = dissect({
        (Ethernet() / IPv6() / gue / Gue() / inner).bytes(),
        (Ethernet() / IPv6() / gue / Gue() / IPv4{.checksum = 1} / TCP()).bytes(),
        (Ethernet() / IPv4{.checksum = 1} / gue / Gue() / inner).bytes(),
        (Ethernet() / IPv4() / UDP{.source = 50000, .destination = 5080, .checksum = 1} / Gue() / inner).bytes(),
        (Ethernet() / IPv4() / gue / Gue() / IPv6() / TCP{.checksum = 1}).bytes(),
        (Ethernet() / IPv4() / Gre() / IPv6() / UDP{.checksum = 1}).bytes(),
        (Ethernet() / IPv4() / UDP{.source = 50000, .destination = 5004, .length = 60} / inner).bytes(),
        (Ethernet() / IPv4() / gue / Payload{{0, 4}}).bytes(),
        cut,
    });
    EXPECT_EQ(found[0].faults, "");
    EXPECT_EQ(found[0].headers, "eth:ipv6:udp:gue:ip:tcp");
    EXPECT_THAT(found[1].faults, HasSubstr("IPv4 checksum bad"));
    EXPECT_THAT(found[2].faults, HasSubstr("IPv4 checksum bad"));
    EXPECT_THAT(found[3].faults, HasSubstr("UDP checksum bad"));
    EXPECT_THAT(found[4].faults, HasSubstr("TCP checksum bad"));
    EXPECT_THAT(found[5].faults, HasSubstr("UDP checksum bad"));
    for (std::size_t i = 6; i < found.size(); ++i) EXPECT_NE(found[i].faults, "") << i;
}

}  // namespace
}  // namespace culvert::packet
