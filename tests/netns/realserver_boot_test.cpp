// SPDX-License-Identifier: Apache-2.0
//
// A backend that boots: systemd starts realserver's rendered unit and nginx, and the network comes up in any order.
//
//   balancer ── bond0 of the backend
//   10.0.0.1    10.0.0.3
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "tests/netns/harness/netns_test.hpp"

namespace culvert::netns {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::string_view configuration = R"(
balancers: [10.0.0.1]
interfaces: [bond0]
vips: [192.0.2.1, "2001:db8::1"]
receive:
  - {encap: ipip}
  - {encap: gue, port: 5080}
  - {encap: gue, port: 5081, via: xdp}
)";

constexpr std::string_view nginx_configuration = R"(
error_log stderr;
pid /run/nginx.pid;
events {}
http {
    access_log off;
    server {
        listen 192.0.2.1:80;
        return 200 "web\n";
    }
}
)";

/// Orders in which the network may come up. Each step follows its prerequisites.
const std::vector<std::vector<std::string>> orders{
    {"ip link add bond0 type bond mode active-backup", "ip link set eth0 master bond0", "ip link set bond0 up",
     "ip addr add 10.0.0.3/24 dev bond0", "sysctl -w net.ipv6.conf.lo.disable_ipv6=0"},
    {"sysctl -w net.ipv6.conf.lo.disable_ipv6=0", "ip link add bond0 type bond mode active-backup",
     "ip addr add 10.0.0.3/24 dev bond0", "ip link set bond0 up", "ip link set eth0 master bond0"},
};

class RealserverBoot : public NetnsTest, public testing::WithParamInterface<std::vector<std::string>> {
  protected:
    void SetUp() override {
        NetnsTest::SetUp();
        if (IsSkipped()) return;
        if (std::getenv("CULVERT_VM") == nullptr)
            GTEST_SKIP() << "needs a machine of its own (tests/vm/run): systemd changes settings of the whole machine";
        for (const char* module : {"ipip", "fou", "bonding"}) REQUIRE_MODULE(module);
        balancer_.emplace("balancer");
        host_.emplace("backend");
        host_->ip(fmt::format("link add eth0 type veth peer name eth0 netns {}\n", balancer_->namespace_path()));
        host_->set_sysctl("net.ipv6.conf.lo.disable_ipv6", "1");
        for (const char* device : {"all", "eth0"})  // answers arrive at another device than requests leave through
            balancer_->set_sysctl(fmt::format("net.ipv4.conf.{}.rp_filter", device), "0");
        balancer_->ip(
            "addr add 10.0.0.1/24 dev eth0\nlink set eth0 up\n"
            "link add tunnel type ipip local 10.0.0.1 remote 10.0.0.3\nlink set tunnel up\n"
            "route add 192.0.2.1 dev tunnel src 10.0.0.1\n");
        install();
    }

    /// The units, without those of this machine that each service depends on by default.
    void install() {
        host_->write("/run/realserver.yaml", configuration);
        host_->write("/run/nginx.conf", nginx_configuration);
        host_->must("cp " + program(CULVERT_REALSERVER) + " /run/realserver");  // the unit can't see /tmp and /root
        host_->must("/run/realserver render systemd -c /run/realserver.yaml -o /run");
        host_->must("mkdir -p /run/systemd/system/realserver.service.d /run/systemd/system/nginx.service.d");
        host_->must("mv /run/etc/systemd/system/realserver.service /run/systemd/system");
        constexpr std::string_view alone = "[Unit]\nDefaultDependencies=no\n";
        host_->write("/run/systemd/system/realserver.service.d/alone.conf", alone);
        host_->write("/run/systemd/system/nginx.service.d/alone.conf",
                     fmt::format("{}[Service]\nExecStartPre=\nExecStart=\n"
                                 "ExecStart=/usr/sbin/nginx -c /run/nginx.conf -g 'daemon on; master_process on;'\n",
                                 alone));
        host_->write("/run/systemd/system/try.target",
                     fmt::format("{}Wants=nginx.service realserver.service network-online.target\n", alone));
    }

    void boot() {
        systemd_.emplace(host_->spawn(R"(unshare --pid --fork --kill-child --mount-proc --cgroup sh -c '
            mount -t cgroup2 none /sys/fs/cgroup &&
            exec env container=test /lib/systemd/systemd --system --unit=try.target')"));
    }

    /// It answers only processes that it can see.
    [[nodiscard]] Output systemctl(const std::string& arguments) const {
        const pid_t parent = systemd_->pid();
        std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", parent));
        std::string child;
        children >> child;
        return host_->run(fmt::format("nsenter --target {} --pid --mount systemctl {}", child, arguments));
    }

    [[nodiscard]] std::string state(const std::string& unit) const {
        return systemctl("show --property=ActiveState,StatusText,NRestarts " + unit).out;
    }
    [[nodiscard]] std::string plan() const { return host_->run("/run/realserver plan -c /run/realserver.yaml").out; }

    std::optional<Host> balancer_, host_;
    std::optional<Process> systemd_;
    static constexpr std::chrono::minutes slow_start{3};
};

INSTANTIATE_TEST_SUITE_P(Order, RealserverBoot, testing::ValuesIn(orders));

TEST_P(RealserverBoot, ServersFindTheirVipsAndTheNetworkMayComeLater) {
    boot();
    ASSERT_TRUE(eventually([&] { return state("nginx").find("ActiveState=active") != std::string::npos; }, slow_start))
        << state("nginx") << state("realserver");
    EXPECT_EQ(http_get(*host_, "192.0.2.1"), "web\n") << "before the network is up";
    EXPECT_TRUE(eventually([&] { return state("realserver").find("StatusText=not in order: ") != std::string::npos; }))
        << state("realserver");
    EXPECT_THAT(state("realserver"), AllOf(HasSubstr("ActiveState=active"), HasSubstr("decap bond0")));
    for (const std::string& step : GetParam()) host_->must(step);
    EXPECT_TRUE(eventually([&] { return plan() == "nothing to change\n"; }, slow_start)) << plan();
    EXPECT_EQ(http_get(*balancer_, "192.0.2.1"), "web\n") << "through the tunnel";
    EXPECT_TRUE(eventually([&] { return state("realserver").find("StatusText=in order") != std::string::npos; }));
    EXPECT_THAT(state("realserver"), HasSubstr("NRestarts=0"));
}

}  // namespace
}  // namespace culvert::netns
