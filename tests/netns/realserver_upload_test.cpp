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
    std::string name;
    std::string receive;  ///< in realserver.yaml
    std::string encap4;   ///< in lbd.yaml, for IPv4 inside
    std::string encap6;
    int outer;     ///< 4 or 6; 0: each VIP's family
    int overhead;  ///< bytes
};

void PrintTo(const Path& path, std::ostream* out) { *out << path.name; }

std::vector<Path> paths() {
    std::vector<Path> all;
    const auto over = [&](const std::vector<int>& outers, const std::string& name, const std::string& receive,
                          const std::string& encap4, const std::string& encap6, int headers) {
        for (const int outer : outers)
            all.push_back({fmt::format("{}_over_ipv{}", name, outer), receive, "{type: " + encap4 + "}",
                           "{type: " + encap6 + "}", outer, headers + (outer == 4 ? 20 : 40)});
    };
    over({4, 6}, "ipip", "{encap: ipip}", "ipip", "ipip", 0);
    over({4, 6}, "gre", "{encap: gre}", "gre", "gre", 4);
    over({4, 6}, "fou", "{encap: fou, port: 5004, inner: ipv4}, {encap: fou, port: 5006, inner: ipv6}",
         "fou, port: 5004", "fou, port: 5006", 8);
    over({4, 6}, "gue", "{encap: gue, port: 5080}", "gue, port: 5080", "gue, port: 5080", 12);
    over({4, 6}, "geneve", "{encap: geneve, vni: 666}", "geneve, vni: 666", "geneve, vni: 666", 30);
    over({4}, "gre_in_fou", "{encap: fou, port: 5047, inner: gre}", "fou, port: 5047, inner: gre",
         "fou, port: 5047, inner: gre", 12);
    over({6}, "gre_in_gue", "{encap: gue, port: 5080, inner: gre}", "gue, port: 5080, inner: gre",
         "gue, port: 5080, inner: gre", 16);
    all.push_back({"l3dsr", "{encap: l3dsr, dscp: 2, vip: 192.0.2.1}, {encap: l3dsr, dscp: 2, vip: '2001:db8::1'}",
                   "{type: l3dsr, dscp: 2}", "{type: l3dsr, dscp: 2}", 0, 0});
    return all;
}

/// An emulated processor is slow, and 512 KiB are nearly four hundred full-size segments.
std::size_t upload_size() { return std::getenv("CULVERT_VM") == nullptr ? 10U << 20 : 512U << 10; }

class Upload : public NetnsTest, public testing::WithParamInterface<Path> {
  protected:
    void SetUp() override {
        NetnsTest::SetUp();
        if (IsSkipped()) return;
        for (const char* module : {"ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou", "fou6", "geneve"})
            (void)missing_module(module);  // loads it
    }
};

TEST_P(Upload, FitsThePathWithoutAFragment) {
    const Path& path = GetParam();
    const bool wrapped = path.outer != 0;
    if (!wrapped && std::getenv("CULVERT_VM") != nullptr)
        GTEST_SKIP() << "needs no module, and verification takes half a minute on an emulated processor";
    const std::size_t size = upload_size();
    const char* const balancers = path.outer == 4 ? "10.0.0.2" : path.outer == 6 ? "'fd00::2'" : "10.0.0.2, 'fd00::2'";
    Host client("client"), balancer("balancer"), backend("backend");
    Switch lan;
    lan.connect({{client, "eth0", {"10.0.0.1/24", "fd00::1/64"}},
                 {balancer, "eth0", {"10.0.0.2/24", "fd00::2/64"}},
                 {backend, "eth0", {"10.0.0.3/24", "fd00::3/64"}}});
    client.ip(fmt::format("route add {} via 10.0.0.2\nroute add {} via fd00::2\n", vip4, vip6));
    const HttpServer web(backend, "backend");
    const Balancer lbd(balancer, fmt::format(R"(
interfaces: [eth0]
flows: {{entries: 64k}}
services:
  - {{name: four, vip: {}, ports: [80/tcp], encap: {}, backends: [{{address: '{}'}}]}}
  - {{name: six, vip: '{}', ports: [80/tcp], encap: {}, backends: [{{address: '{}'}}]}}
)",
                                             vip4, path.encap4, path.outer == 6 ? "fd00::3" : "10.0.0.3", vip6,
                                             path.encap6, path.outer == 4 ? "10.0.0.3" : "fd00::3"));
    for (const int mtu : {1500, 1400}) {
        SCOPED_TRACE(mtu);
        lan.host().ip(fmt::format("link set backend-eth0 mtu {}\n", mtu));
        backend.write("/run/realserver.yaml",
                      fmt::format("balancers: [{}]\nvips: [{}, '{}']\nreceive: [{}]\n{}", balancers, vip4, vip6,
                                  path.receive, mtu == 1500 ? "" : fmt::format("mtu: {}\n", mtu)));
        backend.must(CULVERT_REALSERVER " apply -c /run/realserver.yaml");
        Capture wrong(lan.host(), "balancer-eth0",
                      fmt::format("greater {} or (ip and ip[6:2] & 0x3fff != 0) or ip6 proto 44", mtu + 15));
        Capture accepted(client, "eth0", fmt::format("src host {} and tcp[tcpflags] & tcp-syn != 0", vip4));
        for (const char* vip : {vip4, vip6}) {
            const std::string file = fmt::format("{}-{}", mtu, vip == vip4 ? 4 : 6);
            http_put(client, vip, file, noise(size));
            EXPECT_EQ(web.uploaded(file).size(), size) << vip;
        }
        EXPECT_THAT(accepted.stop().lines(), Contains(HasSubstr(fmt::format("mss {},", mtu - path.overhead - 40))));
        EXPECT_THAT(wrong.stop().lines("dst host 10.0.0.3 or dst host fd00::3"), IsEmpty());
        EXPECT_EQ(lbd.dropped("too_big"), 0U);
    }
}

INSTANTIATE_TEST_SUITE_P(By, Upload, testing::ValuesIn(paths()), [](const auto& path) { return path.param.name; });

}  // namespace
}  // namespace culvert::netns
