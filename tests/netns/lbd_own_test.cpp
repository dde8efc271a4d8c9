// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using nlohmann::json;
using testing::HasSubstr;

//   client ── switch, which floods frames to unknown addresses ── balancer, backend
/// The client sends packets for the balancer to a MAC address of our choice.
class LbdOwn : public LbdTest, public testing::WithParamInterface<const char*> {
  protected:
    void SetUp() override {
        LbdTest::SetUp();
        if (IsSkipped()) return;
        if (GetParam() == std::string_view("generic")) use_default_offloads_everywhere();
        web_.emplace(backend(), "backend");
        lbd_.emplace(balancer(), fmt::format(R"(
            interfaces: [eth0]
            xdp: {}
            flows: {{entries: 64k}}
            defaults: {{encap: {{type: l2}}}}
            services:
              - {{name: web4, vip: 192.0.2.1, ports: [80/tcp], backends: [{{address: 10.0.0.3}}]}}
              - {{name: web6, vip: "2001:db8::1", ports: [80/tcp], backends: [{{address: "fd00::3"}}]}}
            )",
                                             GetParam()));
        ASSERT_TRUE(eventually([&] { return lbd().reaches("10.0.0.3") && lbd().reaches("fd00::3"); }));
    }

    void send_to(const std::string& mac) {
        client().ip(fmt::format(
            "neigh replace 10.0.0.2 lladdr {0} dev eth0\nneigh replace fd00::2 lladdr {0} dev eth0\n", mac));
    }
    [[nodiscard]] bool serves() {
        return client().run("curl -s --max-time 1 http://192.0.2.1/").ok() &&
               client().run("curl -s --max-time 1 http://[2001:db8::1]/").ok();
    }
    [[nodiscard]] std::uint64_t forwarded() {
        return lbd().backend("10.0.0.3")["packets"].get<std::uint64_t>() +
               lbd().backend("fd00::3")["packets"].get<std::uint64_t>();
    }
    const Balancer& lbd() { return *lbd_; }

  private:
    std::optional<HttpServer> web_;
    std::optional<Balancer> lbd_;
};

INSTANTIATE_TEST_SUITE_P(Xdp, LbdOwn, testing::Values("native", "generic"),
                         [](const auto& mode) { return mode.param; });

// Otherwise two balancers would each deliver a frame that a switch floods: RFC 1812, section 5.3.4.
TEST_P(LbdOwn, WhatIsForOthersOrForAllIsNotBalanced) {
    for (const char* mac : {"02:00:00:00:00:99", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01"}) {
        send_to(mac);
        Capture capture(balancer(), "eth0", "dst host 192.0.2.1 or dst host 2001:db8::1");
        EXPECT_FALSE(client().run("curl -s --max-time 0.5 http://192.0.2.1/").ok()) << mac;
        (void)client().run("ping -c 1 -W 0.5 2001:db8::1");  // other hosts with the VIP may answer
        const Packets packets = capture.stop();
        EXPECT_GE(packets.count(fmt::format("ether dst {}", mac)), 2U) << "it came";
        EXPECT_EQ(forwarded(), 0U) << mac;
        EXPECT_EQ(lbd().counted("echo"), 0U) << mac;
    }
    send_to("02:00:0a:00:00:02");
    EXPECT_TRUE(serves());
}

TEST_P(LbdOwn, AnotherAddressOfTheInterfaceIsTakenUp) {
    balancer().ip("link set eth0 address 02:00:00:00:00:99\n");
    send_to("02:00:00:00:00:99");
    EXPECT_TRUE(eventually([&] { return serves(); }));
    EXPECT_EQ(lbd().said("balancing"), 1U) << "the program was not attached again";
}

// As keepalived creates them (use_vmac).
TEST_P(LbdOwn, AVirtualRoutersAddressIsOurs) {
    REQUIRE_MODULE("macvlan");
    balancer().ip("link add link eth0 name vrrp.7 address 00:00:5e:00:01:07 up type macvlan mode private\n");
    send_to("00:00:5e:00:01:07");
    EXPECT_TRUE(eventually([&] { return serves(); }));
    balancer().ip("link del vrrp.7\n");
    EXPECT_TRUE(eventually([&] { return !serves(); }));
}

TEST_P(LbdOwn, ExplainSaysWhoseAFrameIs) {
    const auto explained = [&](const char* mac) {
        send_to(mac);
        Capture requests(client(), "eth0", "tcp and dst host 192.0.2.1");
        (void)client().run("curl -s --max-time 0.5 http://192.0.2.1/");
        balancer().write("/run/syn.pcap", requests.stop().bytes());
        return json::parse(balancer().must(CULVERT_LBD " explain -j --pcap /run/syn.pcap")).at(0);
    };
    const json foreign = explained("02:00:00:00:00:99");
    EXPECT_EQ(foreign["verdict"], "passed");
    EXPECT_THAT(foreign["passed_text"], HasSubstr("it is for MAC address 02:00:00:00:00:99"));
    EXPECT_EQ(explained("02:00:0a:00:00:02")["verdict"], "sent");
}

// A host sends frames with such a tag if it has a priority configured but no VLAN.
TEST_P(LbdOwn, PriorityTagsAreLikeNone) {
    client().write("/run/tagged.py", R"py(
import socket, struct, sys
def words(*values): return struct.pack(f"!{len(values)}H", *values)
def total(data):
    value = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while value >> 16: value = (value & 0xffff) + (value >> 16)
    return ~value & 0xffff
def ipv4(protocol, payload):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0,
                       socket.inet_aton("10.0.0.1"), socket.inet_aton("192.0.2.1"))
    return head[:10] + words(total(head)) + head[12:] + payload
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind(("eth0", 0))
tcp = struct.pack("!HHIIBBHHH", 40000, 80, 1, 0, 0x50, 2, 8192, 0, 0)
echo = words(0x0800, 0xf7fd, 1, 1)
for payload in ipv4(6, tcp), ipv4(1, echo):
    link.send(bytes.fromhex("02000a000002" "02000a000001" "81006000" "0800") + payload)
)py");
    Capture forwarded(lan().host(), "balancer-eth0", "ether src 02:00:0a:00:00:02");
    client().must("python3 /run/tagged.py");
    ASSERT_TRUE(eventually([&] { return this->forwarded() == 1 && lbd().counted("echo") == 1; }));
    const Packets packets = forwarded.stop();
    EXPECT_EQ(packets.count("ether dst 02:00:0a:00:00:03 and dst host 192.0.2.1 and tcp"), 1U);
    EXPECT_EQ(packets.count("ether dst 02:00:0a:00:00:01 and src host 192.0.2.1 and icmp"), 1U);
    EXPECT_EQ(packets.count("vlan"), 0U);
}

}  // namespace
}  // namespace culvert::netns
