// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class LbdExplain : public LbdTest {
  protected:
    void SetUp() override {
        LbdTest::SetUp();
        if (IsSkipped()) return;
        lbd_.emplace(balancer(), R"(
            interfaces: [eth0]
            flows: {entries: 64k}
            services:
              - {name: web, vip: 192.0.2.1, ports: [80/tcp, 53/udp], encap: {type: gue, port: 5080},
                 backends: [{address: 10.0.0.3}]}
              - {name: web6, vip: "2001:db8::1", ports: [80/tcp], encap: {type: l2}, backends: [{address: "fd00::3"}]}
              - {name: lost, vip: 192.0.2.9, ports: [80/tcp], encap: {type: ipip}, backends: [{address: 10.0.0.77}]}
            )");
    }

    json explained(const std::string& options) {
        return json::parse(balancer().must(CULVERT_LBD " explain -j " + options));
    }
    json explained(const std::string& to, const std::string& options) {
        const char* from = to.front() == '[' ? "[fd00::1]:40000" : "10.0.0.1:40000";
        return explained(fmt::format("--src {} --dst {} {}", from, to, options)).at(0);
    }

    std::optional<Balancer> lbd_;
};

TEST_F(LbdExplain, TheWayOfANewFlow) {
    const json told = explained("192.0.2.1:80", "");
    EXPECT_EQ(told["packet"]["text"], "10.0.0.1:40000 > 192.0.2.1:80 tcp syn");
    EXPECT_EQ(told["service"], (json{{"name", "web"}, {"vip", "192.0.2.1"}}));
    EXPECT_EQ(told["flow"]["known"], false);
    EXPECT_EQ(told["table"]["entries"], 65537);
    EXPECT_EQ(told["backend"]["address"], "10.0.0.3");
    EXPECT_EQ(told["backend"]["longest"], 1468);
    EXPECT_EQ(told["verdict"], "sent");
    EXPECT_EQ(told["out"]["interface"], "eth0");
    EXPECT_EQ(told["out"]["bytes"], 54 + 32);
    const json& parts = told["out"]["parts"];
    ASSERT_EQ(parts.size(), 4U);
    EXPECT_EQ(parts[0]["hex"], "02000a00000302000a0000020800");
    EXPECT_THAT(parts[1]["hex"], HasSubstr("0a0000020a000003"));
    EXPECT_THAT(parts[2]["hex"], HasSubstr("13d8"));
    EXPECT_EQ(parts[2]["name"], "gue");
    EXPECT_THAT(parts[3]["hex"], HasSubstr("0a000001c0000201"));
}

TEST_F(LbdExplain, NeitherFlowsNorCountersChange) {
    const auto state = [&] { return lbd_->show("flows").dump() + lbd_->show("counters").dump(); };
    const std::string before = state();
    for (const char* packet : {"--flags ack", "--flags ack", "--flags rst", "--proto udp", "--length 2000"})
        explained("192.0.2.1:80", packet);
    explained("192.0.2.9:80", "");
    EXPECT_EQ(state(), before);
}

TEST_F(LbdExplain, AFlowThatTheTableKnows) {
    const HttpServer web(backend(), "backend");
    Capture requests(client(), "eth0", "tcp and dst host 2001:db8::1 and (ip6[53] & 2 != 0)");
    EXPECT_EQ(http_get(client(), vip6), "backend\n");
    balancer().write("/run/syn.pcap", requests.stop().bytes());
    const json told = explained("--pcap /run/syn.pcap").at(0);
    EXPECT_EQ(told["service"]["name"], "web6");
    EXPECT_EQ(told["verdict"], "sent");
    // The client has closed the connection; a packet in its middle finds the entry, a SYN begins a new one.
    const std::string from = told["packet"]["text"].get<std::string>().substr(0, std::string("[fd00::1]:65535").size());
    const std::string source = from.substr(0, from.find(' '));
    EXPECT_EQ(explained(fmt::format("--src {} --dst [2001:db8::1]:80 --flags ack", source)).at(0)["flow"]["known"],
              true);
    EXPECT_EQ(explained(fmt::format("--src {} --dst [2001:db8::1]:80 --flags syn", source)).at(0)["flow"]["known"],
              false);
}

TEST_F(LbdExplain, WhyItGoesNowhere) {
    const json lost = explained("192.0.2.9:80", "");
    EXPECT_EQ(lost["verdict"], "dropped");
    EXPECT_EQ(lost["reason"], "no_neighbour");
    EXPECT_EQ(lost["backend"]["address"], "10.0.0.77");
    EXPECT_EQ(explained("192.0.2.1:81", "")["passed_text"], "192.0.2.1 is a VIP, but no service has its port 81/tcp");
    EXPECT_EQ(explained("192.0.2.7:80", "")["passed_text"], "192.0.2.7 is no VIP");
    const json ping = explained("192.0.2.1:0", "--proto icmp");
    EXPECT_EQ(ping["verdict"], "answered");
    EXPECT_EQ(ping["event"], "echo");
    const json big = explained("192.0.2.1:80", "--length 1469 --flags ack");
    EXPECT_EQ(big["verdict"], "answered");
    EXPECT_EQ(big["reason"], "too_big");
    EXPECT_EQ(explained("192.0.2.1:80", "--length 1468 --flags ack")["verdict"], "sent");
}

TEST_F(LbdExplain, AsAStory) {
    const std::string story = balancer().must(CULVERT_LBD " explain --src 10.0.0.1:40000 --dst 192.0.2.1:80");
    EXPECT_THAT(story, testing::StartsWith("packet    10.0.0.1:40000 > 192.0.2.1:80 tcp syn, 54 bytes, by eth0\n"
                                           "service   web: VIP 192.0.2.1\nflow      not in the flow table (bucket "));
    EXPECT_THAT(story, HasSubstr("\nbackend   10.0.0.3: gue 5080, takes packets of 1468 bytes\n"
                                 "sent      by eth0, 86 bytes\n"
                                 "    ethernet   02 00 0a 00 00 03 02 00 0a 00 00 02 08 00\n"));
    const Output where = balancer().run(CULVERT_LBD " explain --src 10.0.0.1:1 --dst 192.0.2.1:80 --interface eth7");
    EXPECT_EQ(where.status, 1);
    EXPECT_EQ(where.err, "lbd: ask lbd: eth7 is not balanced on\n");
    EXPECT_EQ(balancer().run(CULVERT_LBD " explain").status, 2);
    EXPECT_EQ(balancer().run(CULVERT_LBD " explain --pcap /run/lbd.yaml").status, 2);
}

}  // namespace
}  // namespace culvert::netns
