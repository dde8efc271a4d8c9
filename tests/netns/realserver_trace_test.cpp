// SPDX-License-Identifier: Apache-2.0
//
// A backend is broken in one way after the other; realserver trace names the fault.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstdint>
#include <initializer_list>

#include <nlohmann/json.hpp>

#include "tests/netns/harness/netns_test.hpp"

namespace culvert::netns {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string bytes(std::initializer_list<int> values) { return {values.begin(), values.end()}; }

/// A UDP header from port 40000 with four bytes of data; 0: no checksum.
std::string udp(int port, int checksum = 0) {
    return bytes({40000 >> 8, 40000 & 0xff, port >> 8, port & 0xff, 0, 12, checksum >> 8, checksum & 0xff}) + "ping";
}

/// From 198.51.100.9 to 192.0.2.`host`, with this content, by default UDP.
std::string ipv4(int host, const std::string& content, int protocol = 17) {
    std::string header = bytes({0x45, 0,        0,   20 + static_cast<int>(content.size()),
                                0,    0,        0,   0,
                                64,   protocol, 0,   0,  //
                                198,  51,       100, 9,
                                192,  0,        2,   host});
    unsigned sum = 0;
    for (std::size_t i = 0; i < header.size(); i += 2)
        sum += static_cast<std::uint8_t>(header[i]) << 8U | static_cast<std::uint8_t>(header[i + 1]);
    sum = ~((sum & 0xffffU) + (sum >> 16U)) & 0xffffU;
    header[10] = static_cast<char>(sum >> 8U);
    header[11] = static_cast<char>(sum & 0xffU);
    return header + content;
}

constexpr const char* configuration = R"(
balancers: [10.0.0.1]
vips: [192.0.2.1, "2001:db8::1"]
receive: [{encap: ipip}, {encap: gue, port: 5080}]
)";

//   sender ───── backend
//  10.0.0.1     10.0.0.3, VIP 192.0.2.1
class RealserverTrace : public NetnsTest {
  protected:
    void SetUp() override {
        NetnsTest::SetUp();
        if (IsSkipped()) return;
        sender_.emplace("sender");
        backend_.emplace("backend");
        connect({*sender_, "eth0", {"10.0.0.1/24", "fd00::1/64"}}, {*backend_, "eth0", {"10.0.0.3/24", "fd00::3/64"}});
        sender_->ip(
            "addr add 10.0.0.66/24 dev eth0\n"
            "addr add 198.51.100.9/32 dev lo\n"
            "route add 192.0.2.0/24 via 10.0.0.3\n"
            "route add 2001:db8::/32 via fd00::3\n");
        backend_->write("/run/realserver.yaml", configuration);
    }

    void trace() {
        trace_.emplace(backend_->spawn(CULVERT_REALSERVER " trace --json -c /run/realserver.yaml"));
        trace_->wait_for("looking for dropped packets");
    }

    /// The next line of trace.
    json told() {
        std::string line;
        EXPECT_TRUE(eventually([&] {
            const std::string all = trace_->out();
            const std::size_t end = all.find('\n', read_);
            if (end == std::string::npos) return false;
            line = all.substr(read_, end - read_);
            return true;
        })) << "trace prints nothing";
        read_ += line.size() + 1;
        return json::parse(line, nullptr, false);
    }

    /// The next drop that XDP has counted. A virtual cable's driver gives it whole packets, so the kernel reports each
    /// of them too.
    json told_by_xdp() {
        json drop = told();
        for (; drop.contains("packet"); drop = told()) EXPECT_THAT(drop["cause"], HasSubstr("an XDP program")) << drop;
        return drop;
    }

    /// `to`: "10.0.0.3:4", an address and an IP protocol, with options of socat.
    void send_ip(const std::string& to, const std::string& content) const {
        sender_->must("socat -u - IP4-SENDTO:" + to, content);
    }
    /// `to`: "192.0.2.1:53", an address and a port, with options of socat.
    void send_udp(const std::string& to, const std::string& content) const {
        sender_->must("socat -u - UDP-SENDTO:" + to, content);
    }

    Host& sender() { return *sender_; }
    Host& backend() { return *backend_; }

  private:
    std::optional<Host> sender_;
    std::optional<Host> backend_;
    std::optional<Process> trace_;
    std::size_t read_ = 0;
};

TEST_F(RealserverTrace, TellsWhyWithoutTunnels) {
    backend().ip("addr add 192.0.2.1/32 dev lo\n");
    const Host neighbour("neighbour");  // it drops the same packets, but doesn't concern the backend
    connect({sender(), "eth1", {"10.0.1.1/24"}}, {neighbour, "eth0", {"10.0.1.3/24"}});
    trace();

    send_udp("10.0.1.3:5080", "to the neighbour");
    send_udp("192.0.2.1:53", "ping");
    json drop = told();
    EXPECT_EQ(drop["reason"], "NO_SOCKET");
    EXPECT_EQ(drop["device"], "eth0");
    EXPECT_EQ(drop["packet"]["source"], "10.0.0.1");
    EXPECT_EQ(drop["packet"]["destination_port"], 53);
    EXPECT_EQ(drop["cause"], "nothing listens on 192.0.2.1 udp 53");

    send_udp("10.0.0.3:5080", bytes({0, 4, 0, 0}) + ipv4(1, udp(53)));
    drop = told();
    EXPECT_EQ(drop["encap"], "gue 5080");
    EXPECT_EQ(drop["outer"]["source"], "10.0.0.1");
    EXPECT_EQ(drop["packet"]["source"], "198.51.100.9");
    EXPECT_EQ(drop["cause"], "the kernel has no port for gue 5080");

    send_ip("192.0.2.1:17", udp(53, 0x1234));
    drop = told();
    EXPECT_EQ(drop["reason"], "UDP_CSUM");
    EXPECT_THAT(drop["cause"], HasSubstr("a bad checksum"));

    send_udp("192.0.2.1:53,bind=198.51.100.9", "ping");
    drop = told();
    EXPECT_EQ(drop["reason"], "IP_RPFILTER");
    EXPECT_EQ(drop["cause"], "the reverse-path filter of eth0: the route to 198.51.100.9 leads through another device");

    backend().must("nft -f -", "table inet t { chain c { type filter hook input priority 0; udp dport 54 drop; }; }");
    send_udp("192.0.2.1:54", "ping");
    drop = told();
    EXPECT_EQ(drop["reason"], "NETFILTER_DROP");
    EXPECT_EQ(drop["cause"], "a firewall");

    backend().ip("addr del 192.0.2.1/32 dev lo\n");
    send_udp("192.0.2.1:53", "ping");
    EXPECT_EQ(told()["cause"], "the VIP 192.0.2.1 is no address of this host");
    send_udp("[2001:db8::1]:53", "ping");
    EXPECT_EQ(told()["cause"], "the VIP 2001:db8::1 is no address of this host");

    sender().ip("neigh replace fd00::3 lladdr 02:00:0a:00:00:03 dev eth0\n");
    backend().set_sysctl("net.ipv6.conf.eth0.disable_ipv6", "1");
    sender().must("socat -u - UDP6-SENDTO:[2001:db8::1]:53", "ping");
    do drop = told();
    while (drop["packet"]["destination"] != "2001:db8::1");
    EXPECT_EQ(drop["reason"], "IPV6DISABLED") << drop;
    EXPECT_EQ(drop["cause"], "IPv6 is disabled on eth0");
    EXPECT_THAT(drop["cure"], HasSubstr("sysctl -w net.ipv6.conf.eth0.disable_ipv6=0"));
}

TEST_F(RealserverTrace, TellsWhyBehindTunnels) {
    for (const char* module : {"ipip", "fou"}) REQUIRE_MODULE(module);
    backend().must(CULVERT_REALSERVER " apply -c /run/realserver.yaml");
    backend().ip("route add default via 10.0.0.1\n");
    trace();

    const std::string request = ipv4(1, udp(53));
    send_ip("10.0.0.3:4", request);
    json drop = told();
    EXPECT_EQ(drop["cause"], "nothing listens on 192.0.2.1 udp 53");
    EXPECT_EQ(drop["device"], "tunl0");
    EXPECT_EQ(drop["encap"], "ipip");
    EXPECT_EQ(drop["outer"]["source"], "10.0.0.1");
    EXPECT_EQ(drop["packet"]["source"], "198.51.100.9");

    send_ip("10.0.0.3:4,bind=10.0.0.66", request);
    drop = told();
    EXPECT_EQ(drop["reason"], "NETFILTER_DROP");
    EXPECT_EQ(drop["cause"], "the guard, stranger: outer source is no balancer");
    EXPECT_EQ(drop["cure"], "if 10.0.0.66 is a balancer: add it to balancers, then realserver apply");
    send_udp("10.0.0.3:5080", bytes({0, 17, 0, 0}) + udp(53));
    EXPECT_EQ(told()["cause"], "the guard, bad_header: content that is not configured");
    send_ip("10.0.0.3:4", ipv4(9, udp(53)));
    drop = told();
    EXPECT_EQ(drop["cause"], "the guard, no_vip: inner destination is no VIP");
    EXPECT_EQ(drop["packet"]["destination"], "192.0.2.9");
    send_ip("10.0.0.3:4", ipv4(1, request, 4));
    EXPECT_EQ(told()["cause"], "the guard, nested: a tunnel in a tunnel");

    const std::string theirs =
        "nft table inet t '{ chain c { type filter hook input priority 0; udp dport 5080 drop; }; }'";
    backend().must(theirs);
    send_udp("10.0.0.3:5080", bytes({0, 4, 0, 0}) + request);
    EXPECT_EQ(told()["cause"], "a firewall") << "not the guard, which has counted nothing";
    backend().must("nft delete table inet t");

    backend().set_sysctl("net.ipv4.conf.tunl0.rp_filter", "1");
    send_udp("10.0.0.3:5080", bytes({0, 4, 0, 0}) + request);
    drop = told();
    EXPECT_EQ(drop["cause"],
              "the reverse-path filter of tunl0: the route to 198.51.100.9 leads through another device");
    EXPECT_EQ(drop["encap"], "gue 5080");
    EXPECT_EQ(drop["outer"]["destination_port"], 5080);
    backend().set_sysctl("net.ipv4.conf.tunl0.rp_filter", "0");

    send_ip("10.0.0.3:17",
            bytes({40000 >> 8, 40000 & 0xff, 5080 >> 8, 5080 & 0xff, 0, 12 + 32, 0x12, 0x34, 0, 4, 0, 0}) + request);
    drop = told();
    EXPECT_EQ(drop["reason"], "UDP_CSUM");
    EXPECT_EQ(drop["encap"], "gue 5080");

    backend().ip("addr del 192.0.2.1/32 dev lo\n");
    send_ip("10.0.0.3:4", request);
    EXPECT_EQ(told()["cause"], "the VIP 192.0.2.1 is no address of this host");

    backend().ip("link set tunl0 down\n");
    send_ip("10.0.0.3:4", request);
    EXPECT_THAT(told()["cause"], HasSubstr("no device accepts ipip"));

    backend().must("ip fou del port 5080 gue");
    send_udp("10.0.0.3:5080", bytes({0, 4, 0, 0}) + request);
    EXPECT_EQ(told()["cause"], "the kernel has no port for gue 5080");
}

TEST_F(RealserverTrace, CountsWhatXdpDrops) {
    backend().write("/run/realserver.yaml",
                    "balancers: [10.0.0.1]\nvips: [192.0.2.1]\nreceive: [{encap: ipip, via: xdp}]\n");
    backend().must(CULVERT_REALSERVER " apply -c /run/realserver.yaml");
    trace();

    send_ip("10.0.0.3:4", ipv4(9, udp(53)));
    json drop = told_by_xdp();
    EXPECT_EQ(drop["reason"], "no_vip");
    EXPECT_EQ(drop["device"], "eth0");
    EXPECT_EQ(drop["packets"], 1);
    EXPECT_EQ(drop["cause"], "the inner packet is for none of the VIPs");

    send_ip("10.0.0.3:4,bind=10.0.0.66", ipv4(1, udp(53)));
    EXPECT_EQ(told_by_xdp()["reason"], "source");

    send_ip("10.0.0.3:4", ipv4(1, udp(53)));
    drop = told();
    EXPECT_EQ(drop["reason"], "IP_RPFILTER") << "a packet that XDP has decapsulated is the kernel's again";
    EXPECT_EQ(drop["packet"]["source"], "198.51.100.9");
}

TEST_F(RealserverTrace, EndsAsTold) {
    const std::string trace = CULVERT_REALSERVER " trace -c /run/realserver.yaml ";
    EXPECT_EQ(backend().must(trace + "--for 1ms"), "");

    Process once = backend().spawn(trace + "--count 1");
    once.wait_for("looking for dropped packets");
    send_udp("10.0.0.3:5080", bytes({0, 4, 0, 0}) + ipv4(1, udp(53)));
    const Output output = once.wait();
    EXPECT_TRUE(output.ok()) << output;
    EXPECT_THAT(output.out,
                testing::ContainsRegex(
                    "eth0 198.51.100.9:40000 > 192.0.2.1:53 udp in gue 5080 10.0.0.1 > 10.0.0.3, [0-9]+ bytes\n"
                    "    NO_SOCKET in [a-z_0-9]+: the kernel has no port for gue 5080\n    cure: realserver apply\n"));
}

}  // namespace
}  // namespace culvert::netns
