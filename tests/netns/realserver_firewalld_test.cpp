// SPDX-License-Identifier: Apache-2.0
//
// firewalld itself on a backend, with the policy that realserver renders for it, beside the table inet culvert.
//
//   client ───┐
//  10.0.0.1   │
//   balancer ─┼── switch
//  10.0.0.2   │
//   backend ──┘
//  10.0.0.3, VIP 192.0.2.1
#include <gmock/gmock.h>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using testing::HasSubstr;

constexpr const char* bus = R"(<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><listen>unix:path=/run/bus</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>
)";

constexpr std::chrono::minutes slow_start{4};  // it is Python

constexpr const char* with_bus = "env DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/bus ";

/// firewalld on one host, with a bus of its own, where clients may have pages and nothing else.
class Firewalld {
  public:
    explicit Firewalld(const Host& host) : host_(host), bus_(start_bus(host)), process_(start(host)) {
        EXPECT_TRUE(eventually([&] { return client("--state").ok(); }, slow_start)) << process_.out() << process_.err();
    }

    [[nodiscard]] Output client(const std::string& arguments) const {
        return host_.run(with_bus + ("firewall-cmd " + arguments), {}, slow_start);
    }

  private:
    static Process start_bus(const Host& host) {
        host.write("/run/bus.conf", bus);
        return host.spawn("dbus-daemon --config-file=/run/bus.conf --nofork --nopidfile");
    }
    static Process start(const Host& host) {
        EXPECT_TRUE(eventually([&] { return host.run("test -S /run/bus").ok(); }));
        host.must("mkdir -p /run/etc/firewalld/zones");
        host.write("/run/etc/firewalld/firewalld.conf", "DefaultZone=public\n");
        host.write("/run/etc/firewalld/zones/public.xml",
                   "<zone><short>public</short><service name=\"http\"/></zone>\n");
        return host.spawn(
            std::string(with_bus) +
            "firewalld --nofork --nopid --system-config /run/etc/firewalld --log-file /run/firewalld.log");
    }

    const Host& host_;
    Process bus_;
    Process process_;
};

class RealserverFirewalld : public LanTest {
  protected:
    void realserver(const std::string& command, const std::string& yaml) {
        backend().write("/run/realserver.yaml", "balancers: [10.0.0.2]\nvips: [192.0.2.1]\nreceive: " + yaml);
        backend().must(CULVERT_REALSERVER " " + command + " -c /run/realserver.yaml");
    }
};

TEST_F(RealserverFirewalld, LetsTheBalancersTunnelsInAndLeavesOurTableAlone) {
    REQUIRE_PROGRAM("firewalld");
    // What comes in tunnels is looked for by sockets, so that no tunnel is needed.
    realserver("render firewalld -o /run", "[{encap: ipip, inner: ipv4}, {encap: gue, port: 5080}]");
    realserver("apply", "[{encap: l3dsr, dscp: 2, vip: 192.0.2.1}]");
    const Firewalld firewalld(backend());
    EXPECT_THAT(firewalld.client("--policy culvert --list-all").out, HasSubstr("culvert (active)"));

    Process datagrams = backend().spawn("socat -u UDP-RECV:5080 -");
    Process packets = backend().spawn("socat -u IP4-RECV:4 -");
    const auto send = [&](const Host& from, const std::string& what) {
        from.must("socat -u - UDP-SENDTO:10.0.0.3:5080", what);
        from.must("socat -u - IP4-SENDTO:10.0.0.3:4", what);
    };
    const auto came = [](const Process& to, const std::string& what) {
        return to.out().find(what) != std::string::npos;
    };
    EXPECT_TRUE(eventually([&] {
        send(client(), "a stranger's ");
        send(balancer(), "the balancer's ");
        return came(datagrams, "balancer") && came(packets, "balancer");
    }));
    EXPECT_FALSE(came(datagrams, "stranger"));
    EXPECT_FALSE(came(packets, "stranger"));

    client().ip("route add 192.0.2.1 via 10.0.0.2\n");
    backend().ip("route add default via 10.0.0.1\n");
    const HttpServer web(backend(), "backend", {vip4});
    const Balancer lbd(balancer(),
                       "interfaces: [eth0]\nflows: {entries: 64k}\nservices:\n"
                       "  - {name: web, vip: 192.0.2.1, ports: [80/tcp], encap: {type: l3dsr, dscp: 2}, backends: "
                       "[{address: 10.0.0.3}]}\n");
    EXPECT_EQ(http_get(client(), "192.0.2.1"), "backend\n");
    EXPECT_TRUE(eventually([&] { return firewalld.client("--reload").ok(); }, slow_start));
    EXPECT_EQ(backend().must(CULVERT_REALSERVER " plan -c /run/realserver.yaml"), "nothing to change\n");
    EXPECT_EQ(http_get(client(), "192.0.2.1"), "backend\n");

    EXPECT_TRUE(firewalld.client("--remove-service=http").ok());
    const auto check = nlohmann::json::parse(backend().run(CULVERT_REALSERVER " check -j -c /run/realserver.yaml").out);
    ASSERT_EQ(check["findings"].size(), 1U) << check.dump(2);
    EXPECT_EQ(check["findings"][0]["name"], "firewall_drops_request");
    EXPECT_THAT(check["findings"][0]["cure"], HasSubstr("firewall-cmd"));
}

}  // namespace
}  // namespace culvert::netns
