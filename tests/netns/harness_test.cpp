// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>

#include <optional>
#include <set>

#include "tests/netns/harness/netns_test.hpp"

namespace culvert::netns {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

//   client ──┐
//  10.0.0.1  ├── switch
//  fd00::1   │
//   server ──┘
//  10.0.0.2
//  fd00::2
class Harness : public NetnsTest {
  protected:
    void SetUp() override {
        NetnsTest::SetUp();
        if (IsSkipped()) return;
        lan_.emplace();
        client_.emplace("client");
        server_.emplace("server");
        lan_->connect(
            {{*client_, "eth0", {"10.0.0.1/24", "fd00::1/64"}}, {*server_, "eth0", {"10.0.0.2/24", "fd00::2/64"}}});
    }

    const Host& client() { return *client_; }
    const Host& server() { return *server_; }
    const Switch& lan() { return *lan_; }

  private:
    std::optional<Switch> lan_;
    std::optional<Host> client_;
    std::optional<Host> server_;
};

TEST(HarnessWords, AreSplitAtBlanksOutsideQuotes) {
    EXPECT_THAT(split_words("sh -c 'exit 3' \"a b\"c ''"), ElementsAre("sh", "-c", "exit 3", "a bc", ""));
    EXPECT_THROW(split_words("sh 'c"), std::runtime_error);
}

TEST_F(Harness, ReportsHowAProgramEnded) {
    EXPECT_EQ(client().run("sh -c 'echo out; echo err >&2; exit 3'").status, 3);
    EXPECT_EQ(client().run("sh -c 'kill -9 $$'").status, 128 + SIGKILL);
    EXPECT_EQ(client().run("no-such-program").status, 127);
    EXPECT_EQ(client().must("cat", "input"), "input");
    EXPECT_THROW((void)client().must("false"), std::runtime_error);
    EXPECT_THROW((void)client().run("sleep 60", {}, Milliseconds{50}), std::runtime_error);
}

TEST_F(Harness, ComparesJsonWithTheReference) {
    client().write("/run/lbd", "#!/bin/sh\necho '{\"used\": 1, \"dropped\": [{\"reason\": 2}]}'\n$AND\n");
    client().must("chmod +x /run/lbd");
    EXPECT_NONFATAL_FAILURE(client().must("/run/lbd show -j flows"), "flows\ndropped is not in the reference");
    EXPECT_NONFATAL_FAILURE(client().must("sh -ec '/run/lbd show counters --json'"),
                            "json\ndropped[].reason is 2, not text as in the reference\nused is not in the reference");
    client().must("/run/lbd show flows");

    std::optional<Process> watch(client().spawn("env AND='exec sleep 60' /run/lbd watch -j"));
    watch->wait_for("\n");
    EXPECT_NONFATAL_FAILURE(watch.reset(), "used is not in the reference");
}

TEST_F(Harness, StopsWhatItStarted) {
    Process process = client().spawn("sh -c 'echo ready; exec sleep 60'");
    process.wait_for("ready");
    EXPECT_TRUE(process.running());
    EXPECT_EQ(process.stop().status, 128 + SIGTERM);
    EXPECT_FALSE(process.running());
    const Process other = client().spawn("sh -c 'echo oops'");
    EXPECT_THROW(other.wait_for("ready"), std::runtime_error);
}

TEST_F(Harness, HostsHaveFilesOfTheirOwn) {
    client().write("/run/culvert/state", "client's");
    EXPECT_EQ(client().must("cat /run/culvert/state"), "client's");
    EXPECT_FALSE(server().run("cat /run/culvert/state").ok());
    EXPECT_THAT(server().must("ls /sys/class/net"), HasSubstr("eth0"));
    EXPECT_TRUE(server().run("ip netns add blue").ok());
    EXPECT_TRUE(client().must("ip netns list").empty());
}

TEST_F(Harness, Sysctls) {
    EXPECT_EQ(client().sysctl("net.ipv4.conf.eth0.rp_filter"), "1");
    client().set_sysctl("net.ipv4.conf.eth0.rp_filter", "2");
    EXPECT_EQ(client().sysctl("net.ipv4.conf.eth0.rp_filter"), "2");
    EXPECT_EQ(server().sysctl("net.ipv4.conf.eth0.rp_filter"), "1");
}

TEST_F(Harness, HttpInBothFamilies) {
    const HttpServer web(server(), "web-1", {"10.0.0.2", "fd00::2"});
    web.serve("large", noise(1'000'000));
    for (const std::string address : {"10.0.0.2", "fd00::2"}) {
        EXPECT_EQ(http_get(client(), address), "web-1\n");
        EXPECT_EQ(http_get(client(), address, "/large"), noise(1'000'000));
        http_put(client(), address, "large-" + address, noise(3'000'000));
        EXPECT_EQ(web.uploaded("large-" + address), noise(3'000'000));
        EXPECT_THROW(http_get(client(), address, "/none"), std::runtime_error);
    }
    EXPECT_THAT(web.access_log(), HasSubstr("10.0.0.1 10.0.0.2 \"GET / HTTP/1.1\" 200"));
}

TEST_F(Harness, ManyRequestsAreManyConnections) {
    const HttpServer web(server(), "web-1");
    Capture capture(client(), "eth0", "tcp[tcpflags] == tcp-syn");
    EXPECT_THAT(http_get_many(client(), "10.0.0.2", 20), testing::AllOf(SizeIs(20), Each("web-1")));
    EXPECT_EQ(capture.stop().count(), 20);
}

TEST_F(Harness, DnsOverUdpAndTcp) {
    const DnsServer dns(server(), "dns-1", {"10.0.0.2", "fd00::2"});
    for (const std::string address : {"10.0.0.2", "fd00::2"})
        for (const Transport transport : {Transport::udp, Transport::tcp})
            EXPECT_EQ(dns_whoami(client(), address, transport), "dns-1");
    EXPECT_THAT(dns_whoami_many(client(), "10.0.0.2", 10), testing::AllOf(SizeIs(10), Each("dns-1")));
    EXPECT_EQ(client().must("dig +short @10.0.0.2 host.example A"), "198.51.100.7\n");
}

TEST_F(Harness, PacketsAreCompleteOnTheSwitch) {
    const HttpServer web(server(), "web-1");
    web.serve("large", noise(200'000));
    Capture capture(lan().host(), "server-eth0");
    (void)http_get(client(), "10.0.0.2", "/large");
    (void)http_get(client(), "fd00::2", "/large");
    (void)client().must("ping -c 1 fd00::2");
    const Packets packets = capture.stop();

    EXPECT_THAT(packets.complaints(), IsEmpty());
    EXPECT_EQ(packets.count("greater 1515"), 0);
    EXPECT_GT(packets.count("ip src 10.0.0.2 and tcp"), 100);
    const auto fields = packets.fields({"eth.src", "ip.src", "tcp.flags.syn", "tcp.checksum.status"},
                                       "ip.src == 10.0.0.1 && tcp.flags.syn == 1");
    EXPECT_THAT(fields, ElementsAre(ElementsAre("02:00:0a:00:00:01", "10.0.0.1", "1", "1")));
}

TEST_F(Harness, TsharkFindsWhatIsWrong) {
    Capture capture(client(), "eth0");
    // a UDP datagram over IPv4 with a wrong checksum, 1234
    client().must(R"py(python3 -c "import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
s.sendto(bytes.fromhex('0001 0009 0009 1234 78'), ('10.0.0.2', 0))")py");
    EXPECT_THAT(capture.stop().complaints(), ElementsAre(HasSubstr("UDP")));
}

TEST_F(Harness, SnapshotTellsWhetherAnythingChanged) {
    const std::string before = snapshot(server());
    EXPECT_EQ(snapshot(server()), before);
    const std::set<std::string> changes{
        "ip addr add 192.0.2.1/32 dev lo",        "ip -6 route add 2001:db8::/32 via fd00::1",
        "ip rule add pref 5 fwmark 7 lookup 7",   "nft add table inet other",
        "sysctl net.ipv4.conf.eth0.arp_ignore=1", "ip link set eth0 mtu 1400",
    };
    for (const std::string& change : changes) {
        const std::string last = snapshot(server());
        server().must(change);
        EXPECT_NE(snapshot(server()), last) << change;
    }
}

TEST_F(Harness, MonitorHearsChangesAndSilence) {
    EXPECT_EQ(Monitor(server()).events(), "");
    Monitor links(server());
    server().ip("addr add 192.0.2.1/32 dev lo\n");
    EXPECT_THAT(links.events(), HasSubstr("192.0.2.1"));
    Monitor rules(server());
    server().must("nft add table inet other");
    EXPECT_THAT(rules.events(), HasSubstr("add table inet other"));
}

TEST_F(Harness, DirectCable) {
    //  client eth1 10.0.1.1 ── 10.0.1.2 eth1 server
    connect({client(), "eth1", {"10.0.1.1/24"}}, {server(), "eth1", {"10.0.1.2/24"}});
    EXPECT_TRUE(client().run("ping -c 1 10.0.1.2").ok());
}

TEST(HarnessRequirements, NameWhatIsMissing) {
    EXPECT_THAT(missing_module("no_such_module").value(), HasSubstr("needs the kernel module no_such_module"));
    EXPECT_EQ(missing_program("sh"), std::nullopt);
    EXPECT_THAT(missing_program("no-such-program").value(), HasSubstr("no-such-program"));
}

}  // namespace
}  // namespace culvert::netns
