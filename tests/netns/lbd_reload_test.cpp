// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/netns/checks.hpp"
#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using testing::HasSubstr;

constexpr const char* other_vip = "192.0.2.2";

/// The differences between configurations.
struct Wanted {
    std::string_view vip = vip4;
    std::string_view interfaces = "eth0";
    std::string_view more = "";     // first lines
    std::string_view service = "";  // keys of the service
};

std::string config(const Wanted& wanted) {
    return fmt::format(
        "interfaces: [{}]\nflows: {{entries: 64k}}\n{}\nservices:\n"
        "  - {{name: web, vip: {}, ports: [80/tcp], encap: {{type: l2}}, {} backends: [{{address: 10.0.0.3}}]}}\n",
        wanted.interfaces, wanted.more, wanted.vip, wanted.service);
}

/// Another program, larger maps, a network as VIP, and another VIP for web.
std::string quite_another_config() {
    std::string text = config({.vip = other_vip, .more = "xdp: native", .service = "health: {type: tcp},"});
    text.replace(text.find("64k"), 3, "128k");
    text += "  - {name: net, vip: 198.51.100.0/28, ports: any, encap: {type: ipip}, backends: [";
    for (int i = 1; i < 200; ++i) text += fmt::format("{{address: 10.1.{}.1}}, ", i);
    return text + "{address: 10.0.0.3}]}\n";
}

// A reload that fails leaves the former configuration in force.
class LbdReload : public LbdTest {
  protected:
    void SetUp() override {
        LbdTest::SetUp();
        if (IsSkipped()) return;
        backend().ip(fmt::format("addr add {}/32 dev lo\n", other_vip));
        client().ip(fmt::format("route add {} via 10.0.0.2\n", other_vip));
        web_.emplace(backend(), "backend");
    }

    [[nodiscard]] bool serves(std::string_view vip) {
        return client().run(fmt::format("curl -s --max-time 1 http://{}/", vip)).out == "backend\n";
    }
    Output reload(std::string_view config) {
        balancer().write("/run/lbd.yaml", config);
        return balancer().run(CULVERT_LBD " reload");
    }
    /// The configuration in force, as a person or a program sees it.
    [[nodiscard]] std::string in_force(const Balancer& lbd) {
        std::string text;
        for (const auto& service : lbd.show("services"))
            text += fmt::format("{} {}\n", service["name"].dump(), service["vip"].dump());
        for (const auto& backend : lbd.show("backends"))
            text += fmt::format("{} {}\n", backend["name"].dump(), backend["state"].dump());
        for (const auto& interface : lbd.show("interfaces"))
            text += fmt::format("{} {}\n", interface["name"].dump(), interface["xdp"].dump());
        return text + balancer().must(
                          "sh -c 'ip -d -o link | grep -o \" eth.*prog/xdp id\" | cut -d@ -f1;"
                          " ip -o link show dev culvert-probe 2>&1; tc filter show dev eth0 ingress;"
                          " ss -Hltn; ls /run/culvert/lbd; cat /run/culvert/lbd/*.json 2>&1; true'");
    }
    /// The next configuration is refused with these words. The former one stays in force.
    void expect_refused(const Balancer& lbd, std::string_view next, std::string_view words, int status = 1) {
        const std::string before = in_force(lbd);
        const Output refused = reload(next);
        EXPECT_EQ(refused.status, status) << refused;
        EXPECT_THAT(refused.err, HasSubstr(std::string(words)));
        expect_former(lbd, before);
        balancer().must(CULVERT_LBD " drain 10.0.0.3");
        EXPECT_EQ(lbd.backend("10.0.0.3")["state"], "drain");
        balancer().must(CULVERT_LBD " undrain 10.0.0.3");
        expect_former(lbd, before);
    }
    void expect_former(const Balancer& lbd, const std::string& before) {
        EXPECT_EQ(in_force(lbd), before);
        EXPECT_TRUE(serves(vip4));
        EXPECT_FALSE(serves(other_vip));
    }
    void expect_done(std::string_view next) {
        const Output done = reload(next);
        EXPECT_EQ(done.status, 0) << done;
        EXPECT_TRUE(serves(other_vip));
        EXPECT_FALSE(serves(vip4));
    }

  private:
    std::optional<HttpServer> web_;
};

TEST_F(LbdReload, AnInterfaceHasAForeignProgram) {
    balancer().ip("link add eth1 type veth peer name far1\nlink set eth1 up\nlink set far1 up\n");
    const Balancer lbd(balancer(), config({}));
    balancer().must(
        "sh -ec 'for program in /sys/fs/bpf/culvert/lbd/*/*/program; do"
        " bpftool net attach xdp pinned $program dev eth1; done'");
    const std::string next = config({.vip = other_vip, .interfaces = "eth0, eth1"});
    expect_refused(lbd, next, "another XDP program is attached");
    balancer().ip("link set dev eth1 xdp off\n");
    expect_done(next);
    EXPECT_TRUE(lbd.show("interfaces")[1].contains("xdp"));
    EXPECT_TRUE(reload(config({})).ok());
    EXPECT_THAT(balancer().must("ip link show dev eth1"), testing::Not(HasSubstr("xdp")));
    EXPECT_TRUE(serves(vip4));
}

// A bridge has no native XDP, which only the attempt shows. By then the new program is attached.
TEST_F(LbdReload, AnInterfaceCannotRunTheProgram) {
    balancer().ip("link add br0 type bridge\nlink set br0 up\n");
    const Balancer lbd(balancer(), config({}));
    const std::string next = config({.vip = other_vip, .interfaces = "eth0, br0", .more = "xdp: native"});
    expect_refused(lbd, next, "attach native XDP to br0: Operation not supported");
    expect_done(config({.vip = other_vip, .interfaces = "eth0, br0"}));
}

// A frame to the address of a new interface is immediately recognized as for this host.
TEST_F(LbdReload, AnInterfaceThatComesHasItsOwnAddress) {
    Switch other;
    other.connect({{balancer(), "eth1", {"10.8.0.2/24"}}, {client(), "eth8", {"10.8.0.1/24"}}});
    client().must("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0");
    const Balancer lbd(balancer(), config({}));
    EXPECT_TRUE(serves(vip4));
    client().ip(
        "neigh replace 10.8.0.2 lladdr 02:00:0a:08:00:02 dev eth8\n"
        "route replace 192.0.2.1 via 10.8.0.2 src 10.0.0.1\n");
    EXPECT_FALSE(serves(vip4));
    lbd.reload(config({.interfaces = "eth0, eth1"}));
    EXPECT_TRUE(serves(vip4));
}

TEST_F(LbdReload, ChecksCannotBegin) {
    const Balancer lbd(balancer(), config({}));
    balancer().ip("link add culvert-probe type veth peer name other\n");
    const std::string next = config({.vip = other_vip, .service = "health: {type: tcp},"});
    expect_refused(lbd, next, "create tun link culvert-probe: ");
    balancer().ip("link del culvert-probe\n");
    expect_done(next);
    EXPECT_TRUE(becomes(lbd, "10.0.0.3", "up"));
    EXPECT_TRUE(reload(config({})).ok());
    EXPECT_FALSE(balancer().run("ip link show dev culvert-probe").ok());
}

TEST_F(LbdReload, MetricsHaveNoPort) {
    const Balancer lbd(balancer(), config({}));
    Process other = balancer().spawn("python3 -um http.server --bind 127.0.0.1 9000");
    other.wait_for("Serving");
    const std::string next = config({.vip = other_vip, .more = "metrics: 127.0.0.1:9000"});
    expect_refused(lbd, next, "listen on 127.0.0.1:9000: Address already in use");
    EXPECT_TRUE(balancer().run("curl -sf http://127.0.0.1:9477/metrics").ok());
    other.stop(SIGKILL);
    expect_done(next);
    EXPECT_TRUE(balancer().run("curl -sf http://127.0.0.1:9000/metrics").ok());
    EXPECT_FALSE(balancer().run("curl -sf http://127.0.0.1:9477/metrics").ok());
}

TEST_F(LbdReload, MetricsMoveBetweenAddressesThatOverlap) {
    const Balancer lbd(balancer(), config({}));
    for (const char* at : {"0.0.0.0:9477", "127.0.0.1:9477", "\"[::]:9477\"", "10.0.0.2:9477", "0.0.0.0:9477"}) {
        const Output done = reload(config({.more = fmt::format("metrics: {}", at)}));
        EXPECT_EQ(done.status, 0) << at << done;
        const bool by_loopback = std::string_view(at) != "10.0.0.2:9477";
        EXPECT_TRUE(
            balancer().run(fmt::format("curl -sf http://{}:9477/metrics", by_loopback ? "127.0.0.1" : "10.0.0.2")).ok())
            << at;
        EXPECT_EQ(balancer().must("sh -c 'ss -Hltn sport = :9477 | wc -l'"), "1\n") << at;
    }
}

TEST_F(LbdReload, TheDrainsCannotBeWritten) {
    const Balancer lbd(balancer(), config({}));
    balancer().must(CULVERT_LBD " drain 10.0.0.3");
    const std::string drained = in_force(lbd);
    balancer().must(CULVERT_LBD " undrain 10.0.0.3");
    const std::string before = in_force(lbd);
    const auto make_read_only = [&] {
        balancer().must(
            "sh -ec 'mount --bind /run/culvert/lbd /run/culvert/lbd;"
            " mount -o remount,bind,ro /run/culvert/lbd'");
    };
    make_read_only();
    const Output drain = balancer().run(CULVERT_LBD " drain 10.0.0.3");
    EXPECT_EQ(drain.status, 1) << drain;
    EXPECT_THAT(drain.err, HasSubstr("lbd.drained.json.new: Read-only file system"));
    expect_former(lbd, before);
    EXPECT_TRUE(reload(config({.vip = other_vip})).ok()) << "which has nothing to write";
    EXPECT_TRUE(reload(config({})).ok());
    balancer().must("umount /run/culvert/lbd");

    balancer().must(CULVERT_LBD " drain 10.0.0.3");
    make_read_only();
    const Output undrain = balancer().run(CULVERT_LBD " undrain 10.0.0.3");
    EXPECT_EQ(undrain.status, 1) << undrain;
    EXPECT_EQ(in_force(lbd), drained);
    // The file has more than such a configuration would have.
    std::string next = config({});
    next.replace(next.find("10.0.0.3"), 8, "10.0.0.1");
    const Output refused = reload(next);
    EXPECT_EQ(refused.status, 1) << refused;
    EXPECT_EQ(in_force(lbd), drained);
    balancer().must("umount /run/culvert/lbd");
    EXPECT_TRUE(reload(config({})).ok());
    balancer().must(CULVERT_LBD " undrain 10.0.0.3");
    expect_former(lbd, before);
}

TEST_F(LbdReload, TheFileIsNone) {
    const Balancer lbd(balancer(), config({}));
    const std::string before = in_force(lbd);
    for (const char* make : {"mkfifo /run/lbd.yaml", "mkdir /run/lbd.yaml", "ln -s /dev/zero /run/lbd.yaml",
                             "ln -s nowhere /run/lbd.yaml", "true"}) {
        balancer().must("rm -rf /run/lbd.yaml");
        balancer().must(make);
        const Output refused = balancer().run(CULVERT_LBD " reload");
        EXPECT_EQ(refused.status, 2) << make << refused;
        EXPECT_THAT(refused.err, HasSubstr("/run/lbd.yaml: ")) << make;
        expect_former(lbd, before);
    }
    balancer().must("rm -rf /run/lbd.yaml");
    expect_done(config({.vip = other_vip}));
}

TEST_F(LbdReload, NamesThatNobodyHas) {
    const Balancer lbd(balancer(), config({}));
    for (const char* command : {"drain", "undrain"}) {
        const auto says = [&](const std::string& arguments) {
            const Output output = balancer().run(fmt::format("{} {} {}", CULVERT_LBD, command, arguments));
            EXPECT_EQ(output.status, 2) << output;
            return output.err;
        };
        EXPECT_EQ(says("10.0.0.33"), "lbd: no backend \"10.0.0.33\": did you mean 10.0.0.3?\n");
        EXPECT_EQ(says("nobody"), "lbd: no backend \"nobody\": lbd show backends has them\n");
        EXPECT_EQ(says("10.0.0.3 --service wbe"), "lbd: no service \"wbe\": did you mean web?\n");
        EXPECT_EQ(says("10.0.0.2 --service web"),
                  "lbd: no backend \"10.0.0.2\" of service \"web\": did you mean 10.0.0.3?\n");
    }
}

constexpr const char* lbd_with_faults = "env CULVERT_KILL_AT=/run/kill-at " CULVERT_LBD_FAULTS " run -c /run/lbd.yaml";

int stride(int natively) { return is_emulated ? 10 * natively : natively; }

// Every fifth bpf() call of a reload fails once: for lack of space, of memory, for any reason.
TEST_F(LbdReload, ACallFails) {
    constexpr std::array errors{ENOSPC, E2BIG, ENOMEM, EBUSY};
    const std::string first = config({.more = "xdp: native"});
    const std::string next = quite_another_config();
    const Balancer lbd(balancer(), first, "balancing", lbd_with_faults);
    const std::string before = in_force(lbd);
    std::size_t refused = 0;
    bool all = false;
    int at = 1;
    for (; !all; at += stride(5)) {
        balancer().write("/run/kill-at",
                         fmt::format("{}:{}", at, errors.at(static_cast<std::size_t>(at) % errors.size())));
        const Output output = reload(next);
        all = balancer().run("rm /run/kill-at").ok();  // the reload made fewer calls
        ASSERT_TRUE(output.ok() || output.status == 1) << at << output << lbd.log();
        refused += output.ok() ? 0 : 1;
        if (output.ok()) {
            EXPECT_EQ(lbd.show("services").size(), 2) << at;
            EXPECT_TRUE(serves(other_vip)) << at << lbd.log();
            ASSERT_TRUE(reload(first).ok()) << at << lbd.log();
        }
        ASSERT_EQ(in_force(lbd), before) << at << output << lbd.log();
        ASSERT_TRUE(serves(vip4)) << at << output << lbd.log();
    }
    EXPECT_GT(at, 100);
    EXPECT_GE(refused, is_emulated ? 2U : 10U);
    EXPECT_FALSE(serves(other_vip));
    balancer().must(CULVERT_LBD " drain 10.0.0.3");
    EXPECT_EQ(lbd.show("services").size(), 1);
    balancer().must(CULVERT_LBD " undrain 10.0.0.3");
    expect_done(next);
}

// Then one of the two is completely in force, and the next lbd applies the file.
TEST_F(LbdReload, ItIsKilled) {
    const std::string first = config({});
    const std::string next = quite_another_config();
    bool all = false;
    for (int at = 1; !all; at += stride(61)) {
        balancer().must("rm -f /run/kill-at");
        std::optional<Balancer> lbd(std::in_place, balancer(), first, "balancing", lbd_with_faults);
        balancer().write("/run/kill-at", std::to_string(at));
        all = reload(next).ok();
        if (!all) lbd->wait();
        EXPECT_NE(serves(vip4), serves(other_vip)) << at;
        lbd.reset();
        balancer().must("rm -f /run/kill-at");
        const Balancer again(balancer(), next);
        EXPECT_TRUE(serves(other_vip)) << at;
        EXPECT_EQ(again.show("services").size(), 2) << at;
    }
}

// Later it reads what it has missed.
TEST_F(LbdReload, TheNetworkCannotBeRead) {
    const Balancer lbd(balancer(), config({}), "balancing",
                       "env CULVERT_DEAF_WHILE=/run/deaf " CULVERT_LBD_FAULTS " run -c /run/lbd.yaml");
    EXPECT_TRUE(lbd.reaches("10.0.0.3"));  // answers when its start is over, which may read the network until then
    balancer().write("/run/deaf", "");
    balancer().ip("route add unreachable 10.0.0.3\n");
    EXPECT_TRUE(eventually([&] { return lbd.said("Cannot allocate memory; lbd tries again") > 0; })) << lbd.log();
    EXPECT_TRUE(lbd.reaches("10.0.0.3")) << "lbd has not noticed yet";
    EXPECT_EQ(reload(config({.vip = other_vip, .interfaces = "eth0, lo"})).status, 1);
    EXPECT_TRUE(serves(vip4));
    EXPECT_LT(lbd.said("lbd tries again"), 4U) << lbd.log();
    balancer().must("rm /run/deaf");
    EXPECT_TRUE(eventually([&] { return !lbd.reaches("10.0.0.3"); }));
    balancer().ip("route del unreachable 10.0.0.3\n");
    EXPECT_TRUE(eventually([&] { return lbd.reaches("10.0.0.3"); }));
    lbd.reload(config({}));
    EXPECT_TRUE(serves(vip4));
}

// It can open nothing more: it can't load a program for another address of its own, or open new interfaces.
TEST_F(LbdReload, WhatTheNetworkChangesIsTriedUntilItWorks) {
    const Balancer lbd(balancer(), config({}));
    const auto limit_files = [&](const char* limit) {
        balancer().must(fmt::format("prlimit --pid {} --nofile={}:4096", lbd.pid(), limit));
    };
    limit_files("3");
    balancer().ip("addr del 10.0.0.2/24 dev eth0\naddr add 10.0.0.22/24 dev eth0\n");
    EXPECT_TRUE(eventually([&] { return lbd.said("lbd tries again") > 0; })) << lbd.log();
    EXPECT_LT(lbd.said("lbd tries again"), 10U);
    limit_files("1024");
    client().ip("route replace 192.0.2.1 via 10.0.0.22\n");
    EXPECT_TRUE(eventually([&] { return serves(vip4); }));
    lbd.reload(config({}));
    EXPECT_TRUE(serves(vip4));
}

}  // namespace
}  // namespace culvert::netns
