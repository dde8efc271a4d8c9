// SPDX-License-Identifier: Apache-2.0
//
// Uploads in full-size segments, through every tunnel that lbd and realserver share: the kernel's, or XDP's if the
// kernel has none.
//
//   client ───┐
//  10.0.0.1   │
//  fd00::1    │       The client's route to the VIPs is the balancer. Only the backend knows of the lower path MTU,
//   balancer ─┼── switch       and tells the client by its MSS.
//  10.0.0.2   │
//  fd00::2    │
//   backend ──┘
//  10.0.0.3, fd00::3, VIPs 192.0.2.1 and 2001:db8::1
#include <gmock/gmock.h>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

struct Path {
    std::string name;     ///< of the services, too
    std::string receive;  ///< in realserver.yaml
    std::string encap4;   ///< in lbd.yaml, for IPv4 inside
    std::string encap6;
    int overhead;  ///< bytes
};

/// The paths with this outer family. 0: the path of L3DSR, which has no outer header.
std::vector<Path> paths(int outer) {
    if (outer == 0)
        return {{"l3dsr", "{encap: l3dsr, dscp: 2, vip: 192.0.2.1}, {encap: l3dsr, dscp: 2, vip: '2001:db8::1'}",
                 "{type: l3dsr, dscp: 2}", "{type: l3dsr, dscp: 2}", 0}};
    std::vector<Path> all;
    const auto add = [&](const std::string& name, const std::string& receive, const std::string& encap4,
                         const std::string& encap6, int headers) {
        all.push_back(
            {name, receive, "{type: " + encap4 + "}", "{type: " + encap6 + "}", headers + (outer == 4 ? 20 : 40)});
    };
    add("ipip", "{encap: ipip}", "ipip", "ipip", 0);
    add("gre", "{encap: gre}", "gre", "gre", 4);
    add("fou", "{encap: fou, port: 5004, inner: ipv4}, {encap: fou, port: 5006, inner: ipv6}", "fou, port: 5004",
        "fou, port: 5006", 8);
    add("gue", "{encap: gue, port: 5080}", "gue, port: 5080", "gue, port: 5080", 12);
    add("geneve", "{encap: geneve, vni: 666}", "geneve, vni: 666", "geneve, vni: 666", 30);
    if (outer == 4)
        add("gre-in-fou", "{encap: fou, port: 5047, inner: gre}", "fou, port: 5047, inner: gre",
            "fou, port: 5047, inner: gre", 12);
    else
        add("gre-in-gue", "{encap: gue, port: 5080, inner: gre}", "gue, port: 5080, inner: gre",
            "gue, port: 5080, inner: gre", 16);
    return all;
}

/// An emulated processor is slow, and 512 KiB are nearly four hundred full-size segments.
std::size_t upload_size() { return std::getenv("CULVERT_VM") == nullptr ? 10U << 20 : 512U << 10; }

class Upload : public NetnsTest, public testing::WithParamInterface<int> {
  protected:
    void SetUp() override {
        NetnsTest::SetUp();
        if (IsSkipped()) return;
        for (const char* module : {"ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "fou6", "geneve"})
            (void)missing_module(module);  // loads it
    }
};

TEST_P(Upload, FitsThePathWithoutAFragment) {
    const int outer = GetParam();
    if (outer == 0 && std::getenv("CULVERT_VM") != nullptr)
        GTEST_SKIP() << "needs no module, and verification takes half a minute on an emulated processor";
    const std::vector<Path> all = paths(outer);
    const std::size_t size = upload_size();
    const char* const balancers = outer == 4 ? "10.0.0.2" : outer == 6 ? "'fd00::2'" : "10.0.0.2, 'fd00::2'";
    Host client("client"), balancer("balancer"), backend("backend");
    Switch lan;
    lan.connect({{client, "eth0", {"10.0.0.1/24", "fd00::1/64"}},
                 {balancer, "eth0", {"10.0.0.2/24", "fd00::2/64"}},
                 {backend, "eth0", {"10.0.0.3/24", "fd00::3/64"}}});
    const HttpServer web(backend, "backend");
    std::string services, vips;
    for (std::size_t i = 0; i < all.size(); ++i) {
        vips += fmt::format("{0}192.0.2.{1}, '2001:db8::{1}'", i == 0 ? "" : ", ", i + 1);
        client.ip(fmt::format("route add 192.0.2.{0} via 10.0.0.2\nroute add 2001:db8::{0} via fd00::2\n", i + 1));
        services += fmt::format(R"(
  - {{name: {0}-4, vip: 192.0.2.{1}, ports: [80/tcp], encap: {2}, backends: [{{address: '{3}'}}]}}
  - {{name: {0}-6, vip: '2001:db8::{1}', ports: [80/tcp], encap: {4}, backends: [{{address: '{5}'}}]}})",
                                all[i].name, i + 1, all[i].encap4, outer == 6 ? "fd00::3" : "10.0.0.3", all[i].encap6,
                                outer == 4 ? "10.0.0.3" : "fd00::3");
    }
    const Balancer lbd(balancer, fmt::format("interfaces: [eth0]\nflows: {{entries: 64k}}\nservices:{}\n", services));
    for (std::size_t i = 0; i < all.size(); ++i)
        for (const int mtu : {1500, 1400}) {
            SCOPED_TRACE(fmt::format("{} {}", all[i].name, mtu));
            const std::string four = fmt::format("192.0.2.{}", i + 1), six = fmt::format("2001:db8::{}", i + 1);
            lan.host().ip(fmt::format("link set backend-eth0 mtu {}\n", mtu));
            backend.write("/run/realserver.yaml",
                          fmt::format("balancers: [{}]\nvips: [{}]\nreceive: [{}]\n{}", balancers, vips, all[i].receive,
                                      mtu == 1500 ? "" : fmt::format("mtu: {}\n", mtu)));
            backend.must(CULVERT_REALSERVER " apply -c /run/realserver.yaml");
            Capture wrong(lan.host(), "balancer-eth0",
                          fmt::format("greater {} or (ip and ip[6:2] & 0x3fff != 0) or ip6 proto 44", mtu + 15));
            Capture accepted(client, "eth0", fmt::format("src host {} and tcp[tcpflags] & tcp-syn != 0", four));
            for (const std::string& vip : {four, six}) {
                const std::string file = fmt::format("{}-{}-{}", all[i].name, mtu, vip == four ? 4 : 6);
                http_put(client, vip, file, noise(size));
                EXPECT_EQ(web.uploaded(file).size(), size) << vip;
            }
            EXPECT_THAT(accepted.stop().lines(),
                        Contains(HasSubstr(fmt::format("mss {},", mtu - all[i].overhead - 40))));
            EXPECT_THAT(wrong.stop().lines("dst host 10.0.0.3 or dst host fd00::3"), IsEmpty());
            EXPECT_EQ(lbd.dropped("too_big"), 0U);
        }
}

INSTANTIATE_TEST_SUITE_P(, Upload, testing::Values(4, 6, 0), [](const auto& outer) {
    return outer.param == 0 ? std::string("l3dsr") : fmt::format("over_ipv{}", outer.param);
});

}  // namespace
}  // namespace culvert::netns
