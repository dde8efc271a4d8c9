// SPDX-License-Identifier: Apache-2.0
//
// A backend whose monitor starts first, and the orders in which the rest comes.
#include <fmt/ranges.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/netns/realserver_test.hpp"

namespace culvert::netns {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// A host without cables.
class RealserverOrder : public Realserver {
  protected:
    void SetUp() override {
        Realserver::SetUp();
        if (!IsSkipped()) alone_.emplace("host");
    }
    const Host& host() { return *alone_; }
    void configure(const std::string& yaml) { host().write("/run/realserver.yaml", yaml); }
    Output realserver(const std::string& arguments) {
        return host().run(CULVERT_REALSERVER " " + arguments + " -c /run/realserver.yaml");
    }
    Process monitor() { return host().spawn(CULVERT_REALSERVER " monitor -c /run/realserver.yaml"); }
    bool comes_in_order() {
        return eventually([&] { return realserver("plan").status == 0; });
    }
    /// A cable whose end has this name.
    void plug_in(const std::string& name) {
        host().ip(fmt::format("link add {0} type veth peer name {0}-peer\nlink set {0}-peer up\n", name));
    }

  private:
    std::optional<Host> alone_;
};

constexpr const char* by_route = R"(
balancers: [10.0.0.1]
vips: [192.0.2.1, "2001:db8::1"]
receive: [{encap: gue, port: 5080, via: xdp}]
)";

TEST_F(RealserverOrder, AnyOrderOfInterfaceAddressRouteAndIpv6IsRight) {
    const std::vector<std::string> steps{
        "ip link set late name bond0", "ip link set bond0 up", "ip addr add 10.9.0.3/24 dev lo",
        "ip route add 10.0.0.0/24 dev bond0 src 10.9.0.3", "sysctl -w net.ipv6.conf.lo.disable_ipv6=0"};
    // Dependencies: a name, a link that is up and an address precede the route.
    std::vector<std::vector<std::size_t>> orders;
    std::vector<std::size_t> order{0, 1, 2, 3, 4};
    const auto place = [&](std::size_t step) { return std::ranges::find(order, step) - order.begin(); };
    do {
        if (place(0) < place(1) && place(1) < place(3) && place(2) < place(3)) orders.push_back(order);
    } while (std::ranges::next_permutation(order).found);
    ASSERT_EQ(orders.size(), 15U);

    configure(by_route);
    for (const auto& one : orders) {
        SCOPED_TRACE(fmt::format("{}", fmt::join(one, " ")));
        plug_in("late");
        host().set_sysctl("net.ipv6.conf.lo.disable_ipv6", "1");
        Process process = monitor();
        process.wait_for("running: missing settings are made as soon as possible");
        for (const std::size_t step : one) host().must(steps[step]);
        process.wait_for("ready: changes by others are repaired");
        EXPECT_TRUE(comes_in_order()) << process.err();
        EXPECT_EQ(process.stop().status, 0);
        EXPECT_THAT(process.err(), AllOf(HasSubstr("applied: + decap bond0"), HasSubstr("applied: + vip 2001:db8::1"),
                                         Not(HasSubstr("repaired:"))));
        EXPECT_EQ(count(process.err(), "no route leads to a balancer"), 1) << process.err();
        EXPECT_EQ(count(process.err(), "not possible yet: + vip 2001:db8::1"), 1) << process.err();
        ASSERT_EQ(realserver("teardown").status, 0);
        host().ip("link del bond0\naddr del 10.9.0.3/24 dev lo\n");
    }
}

TEST_F(RealserverOrder, VipsAreThereBeforeTheNetworkAndServersCanBindToThem) {
    configure(
        "{balancers: [10.0.0.1], interfaces: [bond0], vips: [192.0.2.1], "
        "receive: [{encap: gue, port: 5080, via: xdp}]}");
    const Process process = monitor();
    process.wait_for("running: ");
    EXPECT_THAT(process.err(), HasSubstr("not possible yet: + decap bond0: xdp: gue 5080: "));
    const HttpServer web(host(), "web", {"192.0.2.1"});
    EXPECT_EQ(http_get(host(), "192.0.2.1"), "web\n");
    EXPECT_TRUE(eventually([&] { return count(process.err(), "No such device") == 1; }));
    plug_in("bond0");
    process.wait_for("applied: + decap bond0");
    process.wait_for("ready");
    EXPECT_TRUE(comes_in_order());
}

TEST_F(RealserverOrder, AConfigurationIsTakenUpWhileSomethingIsWaitedFor) {
    const std::string rest = "interfaces: [bond0], receive: [{encap: gue, port: 5080, via: xdp}]}";
    configure("{balancers: [10.0.0.1], vips: [192.0.2.1], " + rest);
    Process process = monitor();
    process.wait_for("running: ");
    configure("{balancers: [10.0.0.1], vips: [192.0.2.2], " + rest);
    kill(process.pid(), SIGHUP);
    process.wait_for("the new configuration is in force");
    process.wait_for("applied: + vip 192.0.2.2");
    EXPECT_THAT(host().must("ip addr show dev lo"), Not(HasSubstr("192.0.2.1")));
    plug_in("bond0");
    process.wait_for("ready");
    EXPECT_TRUE(comes_in_order());
}

TEST_F(RealserverOrder, ABadConfigurationIsNotWaitedFor) {
    configure("vips: [192.0.2.1]\nreceive: [{encap: l3}]\n");
    EXPECT_EQ(realserver("monitor").status, 2);
}

TEST_F(RealserverOrder, WaitsForAnApplyThatIsUnderWay) {
    configure("{vips: [192.0.2.1], receive: [{encap: l2}]}");
    host().must("mkdir -p /run/culvert/realserver");
    Process holder = host().spawn("flock --no-fork /run/culvert/realserver sh -c 'echo locked; exec sleep 600'");
    holder.wait_for("locked");
    const Process process = monitor();
    process.wait_for("another realserver is running: process ");
    (void)holder.stop();
    process.wait_for("ready");
    EXPECT_EQ(realserver("plan").status, 0);
}

/// A change that moves the route to the balancers, and with it the XDP program.
struct Move {
    const char* name;
    const char* command;
    const char* back;
};
class RealserverWay : public RealserverOrder, public testing::WithParamInterface<Move> {};

INSTANTIATE_TEST_SUITE_P(
    By, RealserverWay,
    testing::Values(Move{"rule", "rule add to 10.0.0.1 lookup 100", "rule del to 10.0.0.1 lookup 100"},
                    Move{"rule_of_ipv6", "-6 rule add to fd00::1 lookup 100", "-6 rule del to fd00::1 lookup 100"},
                    Move{"next_hop", "nexthop replace id 7 dev eth1", "nexthop replace id 7 dev eth0"},
                    Move{"route", "route add 10.0.0.1 dev eth1", "route del 10.0.0.1 dev eth1"}),
    [](const auto& which) { return std::string(which.param.name); });

TEST_P(RealserverWay, IsFollowed) {
    const bool over_ipv6 = std::string_view(GetParam().name) == "rule_of_ipv6";
    plug_in("eth0");
    plug_in("eth1");
    host().ip(
        "link set eth0 up\nlink set eth1 up\nnexthop add id 7 dev eth0\n"
        "route add 10.0.0.0/24 nhid 7\nroute add 10.0.0.1 dev eth1 table 100\n"
        "route add fd00::/64 dev eth0\nroute add fd00::1 dev eth1 table 100\n");
    configure(fmt::format("{{balancers: ['{}'], vips: [192.0.2.1], receive: [{{encap: gue, port: 5080, via: xdp}}]}}",
                          over_ipv6 ? "fd00::1" : "10.0.0.1"));
    const Process process = monitor();
    process.wait_for("ready");
    EXPECT_THAT(process.err(), HasSubstr("applied: + decap eth0"));
    host().must(fmt::format("ip {}", GetParam().command));
    process.wait_for("applied: + decap eth1");
    EXPECT_TRUE(comes_in_order());
    EXPECT_THAT(host().must("ip link show eth0"), Not(HasSubstr("xdp")));
    host().must(fmt::format("ip {}", GetParam().back));
    EXPECT_TRUE(eventually([&] { return count(process.err(), "applied: + decap eth0") == 2; })) << process.err();
}

}  // namespace
}  // namespace culvert::netns
