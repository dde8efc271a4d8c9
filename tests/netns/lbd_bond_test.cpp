// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using testing::HasSubstr;

constexpr const char* config = R"(
interfaces: [bond0]
flows: {entries: 64k}
services:
  - {name: web4, vip: 192.0.2.1, ports: any, encap: {type: l2}, backends: [{address: 10.0.0.3}]}
  - {name: web6, vip: "2001:db8::1", ports: any, encap: {type: l2}, backends: [{address: "fd00::3"}]}
)";

//   client ────┐           ┌─ eth1 ─┐
//  10.0.0.1    ├── switch ─┤        bond0 of the balancer
//   backend ───┘           └─ eth2 ─┘ 10.0.0.2, fd00::2
//  10.0.0.3, fd00::3
class LbdBond : public NetnsTest, public testing::WithParamInterface<const char*> {
  protected:
    void SetUp() override {
        NetnsTest::SetUp();
        if (IsSkipped()) return;
        REQUIRE_MODULE("bonding");
        lan_.emplace();
        client_.emplace("client");
        balancer_.emplace("balancer");
        backend_.emplace("backend");
        lan_->connect({{*client_, "eth0", {"10.0.0.1/24", "fd00::1/64"}},
                       {*balancer_, "eth1", {"10.1.0.1/24"}},
                       {*balancer_, "eth2", {"10.1.0.2/24"}},
                       {*backend_, "eth0", {"10.0.0.3/24", "fd00::3/64"}}});
        balancer_->ip(
            fmt::format("link add bond0 address 02:00:0a:00:00:02 type bond miimon 20 mode {}\n"
                        "addr flush dev eth1\nlink set eth1 down\nlink set eth1 master bond0\n"
                        "addr flush dev eth2\nlink set eth2 down\nlink set eth2 master bond0\n"
                        "link set bond0 up\naddr add 10.0.0.2/24 dev bond0\naddr add fd00::2/64 dev bond0\n",
                        GetParam()));
        if (std::string(GetParam()) == "802.3ad") {  // needs two ends that speak LACP
            lan_->host().ip(
                "link add bond1 type bond miimon 20 mode 802.3ad lacp_rate fast\n"
                "link set balancer-eth1 down\nlink set balancer-eth1 master bond1\n"
                "link set balancer-eth2 down\nlink set balancer-eth2 master bond1\n"
                "link set bond1 up\nlink set bond1 master bridge\n");
        }
        backend_->ip(fmt::format("addr add {}/32 dev lo\naddr add {}/128 dev lo\n", vip4, vip6));
        client_->ip(fmt::format("route add {} via 10.0.0.2\nroute add {} via fd00::2\n", vip4, vip6));
    }

    static bool has_carrier(const Balancer& lbd, const std::string& name) {
        for (const auto& interface : lbd.show("interfaces"))
            if (interface["name"] == name) return interface["carrier"];
        return false;
    }

    const Host& lan() { return lan_->host(); }
    const Host& client() { return *client_; }
    const Host& balancer() { return *balancer_; }
    const Host& backend() { return *backend_; }

  private:
    std::optional<Switch> lan_;
    std::optional<Host> client_;
    std::optional<Host> balancer_;
    std::optional<Host> backend_;
};

TEST_P(LbdBond, GoesOnWithoutAMember) {
    const HttpServer web(backend(), "backend");
    const Balancer lbd(balancer(), config);
    EXPECT_EQ(lbd.show("interfaces")[0]["xdp"], "native");
    ASSERT_TRUE(eventually([&] { return lbd.reaches("10.0.0.3") && lbd.reaches("fd00::3"); }));
    const auto serves = [&] {
        return eventually([&] { return client().run("curl -sS --max-time 1 http://192.0.2.1/").ok(); }) &&
               eventually([&] { return client().run("curl -sS --max-time 1 http://[2001:db8::1]/").ok(); });
    };
    EXPECT_TRUE(serves());
    client().write("/run/large", noise(500'000));
    Process upload = client().spawn("curl -sS --fail --limit-rate 50k -T /run/large http://192.0.2.1/upload/large");

    lan().ip("link set balancer-eth1 down\n");
    EXPECT_TRUE(serves());
    lan().ip("link set balancer-eth1 up\n");
    EXPECT_TRUE(eventually([&] { return has_carrier(lbd, "eth1"); }));
    balancer().ip("link set eth2 nomaster\n");
    EXPECT_TRUE(serves());

    EXPECT_EQ(upload.wait().status, 0);
    EXPECT_EQ(web.uploaded("large"), noise(500'000));
    const auto interfaces = lbd.show("interfaces");
    ASSERT_EQ(interfaces.size(), 2U);
    EXPECT_EQ(interfaces[1]["name"], "eth1");
    EXPECT_EQ(interfaces[1]["member_of"], "bond0");
}

TEST_P(LbdBond, AMemberIsNoInterfaceToBalanceOn) {
    balancer().write("/run/lbd.yaml", "interfaces: [eth1]\nservices: []\n");
    const Output output = balancer().run(CULVERT_LBD " run -c /run/lbd.yaml");
    EXPECT_EQ(output.status, 1);
    EXPECT_THAT(output.err, HasSubstr("balance on eth1: Invalid argument: it is a member of bond0"));
    EXPECT_THAT(output.err, HasSubstr("interfaces: [bond0]"));
}

class LbdBondVlan : public LbdBond {};

TEST_P(LbdBondVlan, TheBackendIsInAVlanOfTheBond) {
    REQUIRE_MODULE("8021q");
    backend().must(
        "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0");  // answers go untagged
    balancer().ip("link add link bond0 name b up type vlan id 20\naddr add 10.2.0.2/24 dev b\n");
    backend().ip("link add link eth0 name b up type vlan id 20\naddr add 10.2.0.3/24 dev b\n");
    const HttpServer web(backend(), "backend");
    const Balancer lbd(balancer(), R"(
        interfaces: [bond0]
        flows: {entries: 64k}
        services:
          - {name: web4, vip: 192.0.2.1, ports: any, encap: {type: l2}, backends: [{address: 10.2.0.3}]}
        )");
    ASSERT_TRUE(eventually([&] { return lbd.reaches("10.2.0.3"); }));
    EXPECT_EQ(lbd.backend("10.2.0.3")["interface"], "bond0");
    EXPECT_EQ(lbd.backend("10.2.0.3")["vlans"], nlohmann::json({20}));
    EXPECT_EQ(http_get(client(), vip4), "backend\n");
    lan().ip("link set balancer-eth1 down\n");
    EXPECT_TRUE(eventually([&] { return client().run("curl -sS --max-time 1 http://192.0.2.1/").ok(); }));
}

INSTANTIATE_TEST_SUITE_P(Lbd, LbdBondVlan, testing::Values("active-backup"));
INSTANTIATE_TEST_SUITE_P(Lbd, LbdBond, testing::Values("active-backup", "balance-rr", "balance-xor", "802.3ad"),
                         [](const auto& tested) {
                             std::string name = tested.param;
                             std::erase_if(name, [](char c) { return c == '-' || c == '.'; });
                             return name;
                         });

}  // namespace
}  // namespace culvert::netns
