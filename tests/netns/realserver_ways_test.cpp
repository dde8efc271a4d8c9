// SPDX-License-Identifier: Apache-2.0
//
// XDP decapsulates at the devices where packets from balancers arrive: those through which the kernel sends to them.
//
//              eth0  10.0.0.3, fd00::3 ─── router
//   backend ──┤
//              eth1  10.0.1.3, fd00:1::3 ─ router
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/netns/harness/netns_test.hpp"

namespace culvert::netns {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class RealserverWays : public NetnsTest {
  protected:
    void SetUp() override {
        NetnsTest::SetUp();
        if (IsSkipped()) return;
        router_.emplace("router");
        backend_.emplace("backend");
        connect({*router_, "eth0", {"10.0.0.1/24", "fd00::1/64"}}, {*backend_, "eth0", {"10.0.0.3/24", "fd00::3/64"}});
        connect({*router_, "eth1", {"10.0.1.1/24", "fd00:1::1/64"}},
                {*backend_, "eth1", {"10.0.1.3/24", "fd00:1::3/64"}});
        backend_->ip("route add default via 10.0.0.1\nroute add default via fd00::1\n");
    }

    void configure(const std::string& balancers) const {
        backend_->write(
            "/run/realserver.yaml",
            fmt::format("balancers: [{}]\nvips: [192.0.2.1]\nreceive: [{{encap: ipip, via: xdp}}]\n", balancers));
    }

    /// Where apply attaches the program.
    [[nodiscard]] std::vector<std::string> devices() const {
        const Output applied = backend_->run(CULVERT_REALSERVER " apply -c /run/realserver.yaml");
        std::vector<std::string> result;
        for (const char* device : {"eth0", "eth1"})
            if (backend_->must(fmt::format("ip link show {}", device)).find("prog/xdp") != std::string::npos)
                result.emplace_back(device);
        EXPECT_EQ(applied.ok(), !result.empty()) << applied;
        backend_->must(CULVERT_REALSERVER " teardown");
        return result;
    }

    [[nodiscard]] const Host& backend() const { return *backend_; }

  private:
    std::optional<Host> router_, backend_;
};

TEST_F(RealserverWays, AreTheKernelsAnswerForEachBalancer) {
    const auto expect = [&](const std::string& balancers, const std::string& routing, const auto& matcher) {
        SCOPED_TRACE(routing + " for " + balancers);
        configure(balancers);
        EXPECT_TRUE(backend().run(Arguments{"sh", "-ec", routing}).ok());
        EXPECT_THAT(devices(), matcher);
    };
    expect("203.0.113.2", "", ElementsAre("eth0"));
    expect("203.0.113.2", "ip route add default via 10.0.1.1 table 100; ip rule add to 203.0.113.2 lookup 100",
           ElementsAre("eth1"));
    expect("203.0.113.2, 203.0.113.3", "", ElementsAre("eth0", "eth1"));
    expect("203.0.113.0/24", "", ElementsAre("eth0"));  // whose first address has no rule
    expect("203.0.113.0/24", "ip rule add to 203.0.113.0/24 lookup 100", ElementsAre("eth1"));
    expect("203.0.113.0/24", "ip route add 203.0.113.128/25 via 10.0.0.1 table 100", ElementsAre("eth0", "eth1"));
    expect("198.51.100.7", "ip rule add from 10.0.1.3 lookup 100", ElementsAre("eth0", "eth1"));
    expect("198.51.100.7", "ip rule del from 10.0.1.3 lookup 100", ElementsAre("eth0"));
    expect("198.51.100.8", "ip route add 198.51.100.8 nexthop via 10.0.0.1 nexthop via 10.0.1.1",
           ElementsAre("eth0", "eth1"));
    expect("198.51.100.9", "ip route add blackhole 198.51.100.9", IsEmpty());

    expect("'2001:db8:9::2'",
           "ip -6 route add default via fd00:1::1 table 100; ip -6 rule add to 2001:db8:9::2 lookup 100",
           ElementsAre("eth1"));
    expect("'2001:db8:9::/64'", "ip -6 rule del to 2001:db8:9::2 lookup 100", ElementsAre("eth0"));
    expect("'2001:db8:9::/64'", "ip -6 route add 2001:db8:9:0:8000::/65 via fd00:1::1", ElementsAre("eth0", "eth1"));
    expect("'2001:db8:8::1'", "ip -6 route add 2001:db8:8::1 nexthop via fd00::1 nexthop via fd00:1::1",
           ElementsAre("eth0", "eth1"));
}

TEST_F(RealserverWays, MayBeNextHopObjectsThatRoutesOnlyName) {
    backend().set_sysctl("net.ipv4.nexthop_compat_mode", "0");
    backend().ip(
        "nexthop add id 1 via 10.0.0.1 dev eth0\n"
        "nexthop add id 2 via 10.0.1.1 dev eth1\n"
        "nexthop add id 3 group 1/2\n"
        "nexthop add id 4 via fd00:1::1 dev eth1\n"
        "route add 198.51.100.2 nhid 2\n"
        "route add 198.51.100.3 nhid 3\n"
        "route add 2001:db8:9::4 nhid 4\n");
    for (const auto& [balancer, expected] : {std::pair("198.51.100.2", std::vector<std::string>{"eth1"}),
                                             std::pair("198.51.100.3", std::vector<std::string>{"eth0", "eth1"}),
                                             std::pair("'2001:db8:9::4'", std::vector<std::string>{"eth1"})}) {
        configure(balancer);
        EXPECT_EQ(devices(), expected) << balancer;
    }
}

}  // namespace
}  // namespace culvert::netns
