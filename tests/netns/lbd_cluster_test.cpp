// SPDX-License-Identifier: Apache-2.0
//
// Three balancers of one cluster.
//
//   10.0.0.11 first  ──┐
//   10.0.0.12 second ──┼── switch
//   10.0.0.13 third  ──┤
//   10.0.0.3  backend ─┘
#include <gmock/gmock.h>

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string config(int weight, const std::string& cluster = "peers: [10.0.0.11, 10.0.0.12, 10.0.0.13]") {
    return fmt::format(R"(
interfaces: [eth0]
flows: {{entries: 64k}}
cluster: {{key_file: /run/cluster.key, {}}}
services:
  - name: web
    vip: 192.0.2.1
    ports: [80/tcp]
    encap: {{type: l2}}
    backends: [{{address: 10.0.0.3, name: b1}}, {{address: 10.0.0.4, name: b2, weight: {}}}]
)",
                       cluster, weight);
}

class LbdCluster : public NetnsTest {
  protected:
    void SetUp() override {
        NetnsTest::SetUp();
        if (IsSkipped()) return;
        lan_.emplace();
        backend_.emplace("backend");
        lan_->connect({{*backend_, "eth0", {"10.0.0.3/24", "10.0.0.4/24"}}});
        for (std::size_t i = 0; i < hosts_.size(); ++i) {
            hosts_[i].emplace(std::array{"first", "second", "third"}[i]);
            lan_->connect({{*hosts_[i], "eth0", {fmt::format("10.0.0.{}/24", 11 + i)}}});
            hosts_[i]->write("/run/cluster.key", std::string(64, '1') + "\n");
            hosts_[i]->must("chmod 600 /run/cluster.key");
        }
    }

    void start(std::size_t i, int weight = 1) { lbds_[i] = std::make_unique<Balancer>(*hosts_[i], config(weight)); }

    /// What one says about another.
    [[nodiscard]] json peer(std::size_t one, std::size_t other) const {
        const json cluster = lbds_[one]->show("cluster");
        for (const json& entry : cluster["peers"])
            if (entry["address"] == fmt::format("10.0.0.{}", 11 + other)) return entry;
        return {};
    }
    [[nodiscard]] bool is_up(std::size_t one, std::size_t other) const { return peer(one, other)["state"] == "up"; }
    [[nodiscard]] bool all_up() const {
        for (std::size_t one = 0; one < 3; ++one)
            for (std::size_t other = 0; other < 3; ++other)
                if (one != other && !is_up(one, other)) return false;
        return true;
    }

    std::optional<Switch> lan_;
    std::optional<Host> backend_;
    std::array<std::optional<Host>, 3> hosts_;
    std::array<std::unique_ptr<Balancer>, 3> lbds_;
};

TEST_F(LbdCluster, BalancersFindEachOtherAndWhatTheyDoNotAgreeOn) {
    start(0);
    ASSERT_TRUE(eventually([&] { return peer(0, 1)["state"] == "away"; }));
    start(1, 20);
    start(2);
    ASSERT_TRUE(eventually([&] { return all_up(); }));

    // A line that differs is named, on both sides.
    const std::string line = "service web: backend b2: weight 1 here, 20 on 10.0.0.12";
    ASSERT_TRUE(eventually([&] {
        return hosts_[0]->must(CULVERT_LBD " show cluster").find(line) != std::string::npos;
    })) << hosts_[0]->must(CULVERT_LBD " show cluster");
    EXPECT_EQ(peer(0, 1)["disagreements"], 1);
    EXPECT_EQ(peer(0, 2)["disagreements"], 0);
    EXPECT_TRUE(eventually([&] {  // at first it only knows that there is one
        const json other = peer(1, 0);
        return other["differences"].size() == 1 && other["differences"][0].value("here", "") == "20";
    }));

    // Once it is corrected there, all agree.
    lbds_[1]->reload(config(1));
    EXPECT_TRUE(eventually([&] { return peer(0, 1)["disagreements"] == 0 && peer(1, 2)["disagreements"] == 0; }));
    EXPECT_EQ(peer(0, 1)["connections"], 1) << "the reload did not interrupt it";
}

TEST_F(LbdCluster, OneThatStopsIsMissedAndComesBack) {
    for (std::size_t i = 0; i < 3; ++i) start(i);
    ASSERT_TRUE(eventually([&] { return all_up(); }));
    (void)lbds_[2]->stop(SIGKILL);
    ASSERT_TRUE(eventually([&] { return peer(0, 2)["state"] == "away" && peer(1, 2)["state"] == "away"; }));
    start(2);
    EXPECT_TRUE(eventually([&] { return all_up(); }));

    // A host that vanishes says nothing.
    lan_->host().ip("link set third-eth0 down");
    ASSERT_TRUE(eventually([&] { return peer(0, 2)["state"] == "away"; }));
    EXPECT_TRUE(is_up(0, 1));
    lan_->host().ip("link set third-eth0 up");
    EXPECT_TRUE(eventually([&] { return all_up(); }));
    EXPECT_EQ(peer(0, 1)["connections"], 1);
}

TEST_F(LbdCluster, OneWayIsEnough) {
    const auto close_port = [](const Host& host) {
        host.must("nft add table inet way");
        host.must("nft add chain inet way in { type filter hook input priority 0 ; }");
        host.must("nft add rule inet way in tcp dport 9478 drop");
    };
    close_port(*hosts_[0]);
    for (std::size_t i = 0; i < 3; ++i) start(i);
    EXPECT_TRUE(eventually([&] { return all_up(); }));
}

TEST_F(LbdCluster, NothingIsAnnouncedBeforeItHasJoined) {
    const auto announced = [&] { return lbds_[0]->show("announcements")["vips"][0]["state"]; };
    const std::string announce = "announce: {hold: 0s}\n";
    lbds_[0] =
        std::make_unique<Balancer>(*hosts_[0], announce + config(1, "peers: [10.0.0.11, 10.0.0.12], join_timeout: 1h"));
    ASSERT_TRUE(eventually([&] { return announced() == "joining"; }));
    EXPECT_EQ(lbds_[0]->show("cluster")["joined"], false);
    start(1);
    EXPECT_TRUE(eventually([&] { return announced() == "up"; }));
    EXPECT_EQ(lbds_[0]->show("cluster")["joined"], true);
}

// third sends datagrams to a VIP by first and by second.
TEST_F(LbdCluster, SharesWhileAReloadLoadsAProgram) {
    const auto with_udp = [](const std::string& encap) {
        std::string text = config(1, "peers: [10.0.0.11, 10.0.0.12]");
        text.replace(text.find("80/tcp"), 6, "53/udp");
        return text.replace(text.find("type: l2"), 8, encap);
    };
    const Host& first = *hosts_[0];
    const Host& client = *hosts_[2];
    lbds_[0] =
        std::make_unique<Balancer>(first, with_udp("type: l2"), "balancing",
                                   "env CULVERT_HOLD_LOAD=/run/hold " CULVERT_LBD_FAULTS " run -c /run/lbd.yaml");
    lbds_[1] = std::make_unique<Balancer>(*hosts_[1], with_udp("type: l2"));
    ASSERT_TRUE(eventually([&] { return is_up(0, 1) && is_up(1, 0); }));

    first.write("/run/hold", "");
    first.write("/run/lbd.yaml", with_udp("type: ipip"));  // it needs another program
    Process reload = first.spawn(CULVERT_LBD " reload");
    ASSERT_TRUE(eventually([&] { return lbds_[0]->said("the load is held") > 0; })) << lbds_[0]->log();
    client.ip("route add 192.0.2.1 via 10.0.0.11");
    client.must(
        "python3 -c 'import socket\n"
        "for i in range(20):\n"
        "    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "    for j in range(2): s.sendto(b\"x\", (\"192.0.2.1\", 53))'");  // of the first packet nobody is told
    EXPECT_TRUE(eventually([&] { return peer(1, 0)["records_in"] >= 20; })) << peer(1, 0);
    EXPECT_EQ(peer(1, 0)["connections"], 1);
    EXPECT_EQ(lbds_[0]->said("reloaded"), 0U) << lbds_[0]->log();

    first.must("rm /run/hold");
    EXPECT_TRUE(reload.wait().ok());
    EXPECT_EQ(lbds_[0]->show("backends")[0]["encap"]["type"], "ipip") << lbds_[0]->show("backends");
}

TEST_F(LbdCluster, TellsSystemdThatItIsReadyWhenItHasJoined) {
    const Host& host = *hosts_[0];
    host.write("/run/systemd.py", R"py(
import socket
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind("/run/notify")
print("bound", flush=True)
while True: print(notify.recv(4096).decode(), flush=True)
)py");
    Process systemd = host.spawn("python3 /run/systemd.py");
    systemd.wait_for("bound");
    const std::string joins = "peers: [10.0.0.11, 10.0.0.12], join_timeout: ";
    const Balancer lbd(host, config(1, joins + "1h"), "balancing",
                       "env NOTIFY_SOCKET=/run/notify " CULVERT_LBD " run -c /run/lbd.yaml");
    systemd.wait_for("EXTEND_TIMEOUT_USEC=3630000000");
    // The end of a reload is not that of the start.
    lbd.reload(config(2, joins + "1h"));
    EXPECT_EQ(host.run(CULVERT_LBD " ready --joined").status, 1);
    lbd.reload(config(2, joins + "1s"));
    systemd.wait_for("READY=1");
    EXPECT_TRUE(host.run(CULVERT_LBD " ready --joined").ok());
    EXPECT_EQ(lbd.said("going on without what balancer 10.0.0.12 knows"), 1U);
    lbd.signal(SIGHUP);
    systemd.wait_for("RELOADING=1");
    EXPECT_EQ(count(systemd.stop().out, "RELOADING=1"), 1);
}

TEST_F(LbdCluster, AnotherKeyIsNoPeerAndAReloadChangesTheList) {
    hosts_[1]->write("/run/cluster.key", std::string(64, '2') + "\n");
    start(0);
    start(1);
    start(2);
    ASSERT_TRUE(eventually([&] { return is_up(0, 2) && is_up(2, 0); }));
    ASSERT_TRUE(eventually([&] { return peer(0, 1).value("reason", "").find("another key") != std::string::npos; }));
    EXPECT_THAT(hosts_[0]->must(CULVERT_LBD " show cluster"), HasSubstr("another key"));

    lbds_[0]->reload(config(1, "peers: [10.0.0.13]"));
    EXPECT_EQ(lbds_[0]->show("cluster")["peers"].size(), 1U);
    EXPECT_EQ(peer(0, 2)["connections"], 1);

    // Without peers nothing listens.
    const std::string listening = "ss -Htln sport = :9478";
    EXPECT_NE(hosts_[0]->must(listening), "");
    lbds_[0]->reload(config(1, "peers: []"));
    EXPECT_EQ(hosts_[0]->must(listening), "");
    EXPECT_THAT(hosts_[0]->must(CULVERT_LBD " show cluster"), HasSubstr("there are no peers"));
}

}  // namespace
}  // namespace culvert::netns
