// SPDX-License-Identifier: Apache-2.0
//
// The balancer prints the backend's configuration. With only that, the backend works.
#include <gmock/gmock.h>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

/// An encapsulation in lbd.yaml, over IPv4 and IPv6.
struct Way {
    std::string name;
    std::string encap4;           ///< for IPv4 VIPs
    std::string encap6 = encap4;  ///< for IPv6 VIPs
    bool only_alike = false;      ///< not across families

    friend void PrintTo(const Way& way, std::ostream* stream) { *stream << way.name; }
};

class LbdRender : public LanTest, public testing::WithParamInterface<Way> {};

TEST_P(LbdRender, WithWhatItPrintsCheckPasses) {
    const Way& way = GetParam();
    client().ip("link set eth0 mtu 1400\nroute add 192.0.2.0/24 via 10.0.0.2\nroute add 2001:db8::/64 via fd00::2\n");
    backend().ip("route add default via 10.0.0.1\nroute add default via fd00::1\n");
    std::vector<std::string> vips;
    std::string services;
    for (const bool inner4 : {true, false})
        for (const bool outer4 : {true, false}) {
            if (way.only_alike && inner4 != outer4) continue;
            vips.push_back(fmt::format("{}{}", inner4 ? "192.0.2." : "2001:db8::", outer4 ? 4 : 6));
            services += fmt::format(
                "  - {{name: '{0}', vip: '{0}', ports: [80/tcp], encap: {1}, backends: [{{address: '{2}'}}]}}\n",
                vips.back(), inner4 ? way.encap4 : way.encap6, outer4 ? "10.0.0.3" : "fd00::3");
        }
    const Balancer lbd(balancer(), "interfaces: [eth0]\nflows: {entries: 64k}\nservices:\n" + services);
    ASSERT_TRUE(eventually([&] { return lbd.reaches("10.0.0.3") && lbd.reaches("fd00::3"); }));

    const std::string yaml =
        balancer().must(CULVERT_LBD " render realserver --backend 10.0.0.3 --backend fd00::3 -c /run/lbd.yaml");
    EXPECT_THAT(yaml, testing::HasSubstr("balancers: [10.0.0.2, \"fd00::2\"]\n"));
    backend().write("/run/realserver.yaml", yaml);
    const Output applied = backend().run(CULVERT_REALSERVER " apply -c /run/realserver.yaml");
    ASSERT_TRUE(applied.ok()) << applied << yaml;
    const HttpServer web(backend(), "backend", vips);
    const Output checked = backend().run(CULVERT_REALSERVER " check -c /run/realserver.yaml");
    EXPECT_TRUE(checked.ok()) << checked << yaml;
    for (const std::string& vip : vips) EXPECT_EQ(http_get(client(), vip), "backend\n") << vip;
}

INSTANTIATE_TEST_SUITE_P(
    Lbd, LbdRender,
    testing::Values(Way{"L2", "{type: l2}"}, Way{"Ipip", "{type: ipip}"}, Way{"Gre", "{type: gre}"},
                    Way{"Fou", "{type: fou, port: 5004}", "{type: fou, port: 5006}"},
                    Way{"GreInFou", "{type: fou, port: 5047, inner: gre}"}, Way{"Gue", "{type: gue, port: 5080}"},
                    Way{"GueVariant1", "{type: gue, port: 5080, variant: 1}"},
                    Way{"GreInGue", "{type: gue, port: 5080, inner: gre}"}, Way{"Geneve", "{type: geneve, vni: 666}"},
                    Way{"L3dsr", "{type: l3dsr, dscp: 2}", "{type: l3dsr, dscp: 2}", true}),
    [](const auto& tested) { return tested.param.name; });

TEST_F(LanTest, RenderWithoutARunningBalancerAsksForItsAddress) {
    balancer().write("/run/lbd.yaml",
                     "interfaces: [eth0]\nservices:\n  - {name: a, vip: 192.0.2.1, ports: [80/tcp], encap: {type: "
                     "ipip}, backends: [{address: 10.0.0.3}]}\n");
    const std::string command = CULVERT_LBD " render realserver -c /run/lbd.yaml --backend 10.0.0.3";
    const Output unknown = balancer().run(command);
    EXPECT_EQ(unknown.status, 1);
    EXPECT_EQ(unknown.err,
              "lbd: connect to lbd /run/culvert/lbd/lbd.sock: No such file or directory (or give the address that it "
              "sends from: "
              "--balancer ADDRESS)\n");
    EXPECT_EQ(balancer().must(command + " --balancer 10.0.0.2"),
              "# What the services of /run/lbd.yaml send to 10.0.0.3.\nbalancers: [10.0.0.2]\nvips: [192.0.2.1]\n"
              "receive:\n  - {encap: ipip}\n");
}

}  // namespace
}  // namespace culvert::netns
