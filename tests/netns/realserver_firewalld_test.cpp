// SPDX-License-Identifier: Apache-2.0
//
// firewalld itself on a backend, with the policy that realserver renders for it, next to the table inet culvert.
//
//   client ───┐
//  10.0.0.1   │
//   balancer ─┼── switch
//  10.0.0.2   │
//   backend ──┘
//  10.0.0.3, VIP 192.0.2.1
#include <gmock/gmock.h>

#include "tests/netns/lbd_test.hpp"
#include "tests/netns/realserver_check.hpp"

namespace culvert::netns {
namespace {

using testing::HasSubstr;

constexpr const char* bus = R"(<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><listen>unix:path=/run/bus</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>
)";

constexpr std::chrono::minutes slow_start{4};  // it is written in Python

/// firewalld on one host, with a bus of its own. It allows clients HTTP and nothing else.
class Firewalld {
  public:
    explicit Firewalld(const Host& host) : host_(host), bus_(start_bus(host)), process_(start(host)) {
        EXPECT_TRUE(eventually([&] { return client("--state").ok(); }, slow_start)) << process_.out() << process_.err();
    }

    [[nodiscard]] Output client(const std::string& arguments) const {
        return host_.run("firewall-cmd " + arguments, {}, slow_start);
    }

  private:
    static Process start_bus(const Host& host) {
        ::setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/run/bus", 1);
        host.write("/run/bus.conf", bus);
        return host.spawn("dbus-daemon --config-file=/run/bus.conf --nofork --nopidfile");
    }
    static Process start(const Host& host) {
        EXPECT_TRUE(eventually([&] { return host.run("test -S /run/bus").ok(); }));
        host.must("mount -t tmpfs none /etc/firewalld");  // with the files rendered by realserver
        host.must("sh -c 'test ! -d /run/etc/firewalld || cp -r /run/etc/firewalld /etc'");
        host.write("/etc/firewalld/firewalld.conf", "DefaultZone=public\n");
        host.write("/etc/firewalld/zones/public.xml", "<zone><short>public</short><service name=\"http\"/></zone>\n");
        return host.spawn("firewalld --nofork --nopid --log-file /run/firewalld.log");
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
    // Tunnel packets are received by sockets, so no tunnel is needed.
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
}

const std::string reload = " && firewall-cmd --reload >/dev/null";

class CheckOfFirewalld : public CheckTest {
  protected:
    void answers() override {
        for (const char* vip : {vip4, vip6}) EXPECT_EQ(http_get(client(), vip), "web\n");
    }

    static std::string permanent(const std::string& arguments) {
        return "firewall-cmd --permanent >/dev/null " + arguments + reload;
    }
};

TEST_F(CheckOfFirewalld, ItsRulesAreCuredByItsOwnMeans) {
    REQUIRE_PROGRAM("firewalld");
    build(fmt::format("{{encap: l3dsr, dscp: 2, vip: {}}}, {{encap: l2}}", vip4));
    apply();
    const HttpServer web(backend(), "web", {vip4, vip6});
    const Firewalld firewalld(backend());
    expect_in_order();
    const std::string delete_requests = "; " + permanent("--delete-policy=culvert-requests");
    expect_cured({
        {"firewall_drops_request", permanent("--remove-service=http"), "80/tcp", "",
         permanent("--add-service=http") + delete_requests},
        // a zone selected by source, whatever the device's zone allows
        {"firewall_drops_request", permanent("--zone=drop --add-source=0.0.0.0/0"), "192.0.2.1 port 80/tcp", "",
         permanent("--zone=drop --remove-source=0.0.0.0/0") + delete_requests},
        // a policy for outgoing packets
        {"firewall_drops_answer",
         "firewall-cmd --permanent --new-policy=out >/dev/null;"
         "firewall-cmd --permanent --policy=out --add-ingress-zone=HOST >/dev/null;"
         "firewall-cmd --permanent --policy=out --add-egress-zone=ANY >/dev/null;" +
             permanent("--policy=out --set-target=DROP"),
         "answers of 192.0.2.1", "",
         permanent("--delete-policy=out") + "; " + permanent("--delete-policy=culvert-answers")},
        // its own reverse-path filter
        {"firewall_drops_request",
         "ip link add out0 type veth peer out1; ip link set out0 up; ip link set out1 up;"
         "ip -6 route replace default dev out0",
         "fib saddr", "", "ip -6 route replace default via fd00::1; ip link del out0"},
    });
    expect_cure_of("firewall_drops_tunnel", R"(sed -i "s/^receive: ./&{encap: gue, port: 5080, via: kernel}, /" )"
                                            "/run/realserver.yaml");
}

}  // namespace
}  // namespace culvert::netns
