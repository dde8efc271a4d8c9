// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class LbdCapture : public LbdTest {
  protected:
    void SetUp() override {
        LbdTest::SetUp();
        if (IsSkipped()) return;
        lbd_.emplace(balancer(), R"(
            interfaces: [eth0]
            flows: {entries: 64k}
            services:
              - {name: web, vip: 192.0.2.1, ports: [80/tcp], encap: {type: l2}, backends: [{address: 10.0.0.3}]}
              - {name: tunnel, vip: 192.0.2.2, ports: [80/tcp], encap: {type: gue, port: 5080},
                 backends: [{address: 10.0.0.3}]}
              - {name: lost, vip: 192.0.2.9, ports: [80/tcp], encap: {type: ipip}, backends: [{address: 10.0.0.77}]}
            )");
        client().ip("route add 192.0.2.0/24 via 10.0.0.2\n");
        const Output tried = balancer().run(CULVERT_LBD " capture --seconds 0.1");
        if (tried.err.find("load the BPF program that captures: Operation not permitted") != std::string::npos)
            GTEST_SKIP() << "needs a kernel that can trace BPF programs: " << tried.err;
    }

    /// Returns when it captures.
    Process start(const std::string& options) {
        Process process = balancer().spawn(CULVERT_LBD " capture " + options);
        process.wait_for("capturing on eth0");
        return process;
    }
    void knock(const std::string& address) {
        (void)client().run(fmt::format("socat -T 0.2 - TCP:{}:80,connect-timeout=0.2", address));
    }

    std::optional<Balancer> lbd_;
};

TEST_F(LbdCapture, TsharkReadsWhatCameAndWhatLeft) {
    REQUIRE_PROGRAM("tshark");
    Process capture = start("-w /run/capture.pcapng --count 2 tcp");
    knock("192.0.2.2");
    knock("192.0.2.9");
    const Output ended = capture.wait();
    EXPECT_EQ(ended.status, 0) << ended;
    EXPECT_THAT(ended.err, HasSubstr("2 packets\n"));

    const auto packets = Packets(balancer(), "/run/capture.pcapng")
                             .fields({"frame.interface_name", "frame.packet_flags_direction", "ip.dst", "udp.dstport",
                                      "frame.len", "frame.comment", "frame.time_epoch"});
    ASSERT_EQ(packets.size(), 3U);
    const std::string sent = "sent to tunnel 10.0.0.3 (gue 5080)";
    const auto without_time = [](std::vector<std::string> fields) { return fields.pop_back(), fields; };
    EXPECT_THAT(without_time(packets[0]), ElementsAre("eth0", "0x00000001", "192.0.2.2", "", "74", sent));
    EXPECT_THAT(without_time(packets[1]), ElementsAre("eth0", "0x00000002", "10.0.0.3", "5080", "106", sent));
    EXPECT_THAT(without_time(packets[2]),
                ElementsAre("eth0", "0x00000001", "192.0.2.9", "", "74",
                            "dropped: no_neighbour: the MAC address of the backend or its router is not known"));
    // Nanoseconds. The second packet left after the first one arrived.
    EXPECT_EQ(packets[0].back().size(), std::string("1700000000.123456789").size());
    EXPECT_LT(packets[0].back(), packets[1].back());
}

TEST_F(LbdCapture, AsLines) {
    const HttpServer web(backend(), "backend", {vip4});
    Process capture = start("--service web");
    EXPECT_EQ(http_get(client(), vip4), "backend\n");
    knock("192.0.2.9");
    EXPECT_EQ(http_get(client(), vip4), "backend\n");
    capture.wait_for("fin");
    const Output output = capture.stop(SIGINT);
    EXPECT_EQ(output.status, 0) << output;
    EXPECT_THAT(output.out, HasSubstr("192.0.2.1:80 tcp syn, 74 bytes: sent to web 10.0.0.3 (l2), 74 bytes by eth0\n"));
    EXPECT_THAT(output.out, testing::Not(HasSubstr("192.0.2.9")));
}

TEST_F(LbdCapture, ByReasonAndByTime) {
    Process capture = start("--reason no_neighbour --count 1");
    knock("192.0.2.2");
    knock("192.0.2.9");
    EXPECT_THAT(capture.wait().out, HasSubstr("192.0.2.9:80 tcp syn, 74 bytes: dropped: no_neighbour"));
    EXPECT_EQ(balancer().must(CULVERT_LBD " capture --seconds 0.1 host 203.0.113.1"), "");
    EXPECT_EQ(balancer().run(CULVERT_LBD " capture tpc").status, 2);
    EXPECT_EQ(balancer().run(CULVERT_LBD " capture --service wbe").status, 2);
    EXPECT_EQ(balancer().run(CULVERT_LBD " capture --reason none").status, 2);
}

}  // namespace
}  // namespace culvert::netns
