// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <functional>
#include <optional>
#include <sstream>
#include <string>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using testing::HasSubstr;

/// Breaks the balancer or its host in one way after the other. Each time lbd reports it, and a shell runs its cure word
/// for word. Then lbd reports it no more.
class LbdCures : public LbdTest {
  protected:
    void SetUp() override {
        LbdTest::SetUp();
        if (IsSkipped()) return;
        balancer().write("/run/lbd.yaml", config);
        balancer().must(
            "sysctl -qw net.ipv4.conf.all.accept_redirects=0 net.ipv4.conf.eth0.accept_redirects=0 "
            "net.ipv6.conf.eth0.accept_redirects=0");
    }

    static constexpr const char* config = R"(
        interfaces: [eth0]
        flows: {entries: 64k}
        services:
          - {name: web, vip: 192.0.2.1, ports: [80/tcp], encap: {type: l2}, backends: [{address: 10.0.0.3}]}
          - {name: web6, vip: "2001:db8::1", ports: [80/tcp], encap: {type: ipip}, backends: [{address: "fd00::3"}]}
        )";

    Output sh(const std::string& command) { return balancer().run({"sh", "-c", command}); }

    /// The text behind these words: up to the end of the line or, inside parentheses, to the closing one.
    static std::string behind(const std::string& said, const std::string& words) {
        const auto at = said.find(words);
        if (at == std::string::npos) return {};
        const std::string rest = said.substr(at + words.size());
        return rest.substr(0, rest.find_first_of(words.find('(') == std::string::npos ? "\n" : ")\n"));
    }
    static std::string before(const std::string& cure, const std::string& explanation) {
        EXPECT_THAT(cure, HasSubstr(explanation));
        return cure.substr(0, cure.find(explanation));
    }
    /// Fills in words that only the reader knows.
    static std::string with(std::string cure, const std::string& word, const std::string& value) {
        EXPECT_THAT(cure, HasSubstr(word));
        return cure.replace(cure.find(word), word.size(), value);
    }

    using Asking = std::function<std::string()>;

    /// `ask`: runs lbd and returns its report. `words`: the finding up to its cure. `read` may complete the cure before
    /// it is run.
    void expect_cured(const std::string& finding, const std::string& act, const Asking& ask, const std::string& words,
                      const std::function<std::string(std::string)>& read = {}) {
        SCOPED_TRACE(finding);
        EXPECT_THAT(ask(), testing::Not(HasSubstr(words))) << "it is broken before";
        const Output acted = sh(act);
        ASSERT_TRUE(acted.ok()) << acted;
        std::string said;
        ASSERT_TRUE(eventually([&] { return (said = ask()).find(words) != std::string::npos; })) << act << '\n' << said;
        std::string cure = behind(said, words);
        if (read) cure = read(cure);
        const Output cured = sh(cure);
        EXPECT_TRUE(cured.ok()) << cure << '\n' << cured;
        EXPECT_TRUE(eventually([&] { return (said = ask()).find(words) == std::string::npos; })) << cure << '\n'
                                                                                                 << said;
    }

    Asking says(const std::string& command) {
        return [this, command] {
            const Output output = sh(std::string(CULVERT_LBD) + ' ' + command);
            return output.out + output.err;
        };
    }
};

TEST_F(LbdCures, WhatKeepsNextHopsUnknown) {
    const Balancer lbd(balancer(), config);
    const Asking show = says("show backends");
    expect_cured("neighbours_not_asked", "ip link set eth0 arp off", show,
                 "eth0 has neighbour resolution switched off (");
    ASSERT_TRUE(eventually([&] { return lbd.reaches("10.0.0.3") && lbd.reaches("fd00::3"); }));
    expect_cured("no_link_local", "ip addr flush dev eth0 scope link; ip neigh del fd00::3 dev eth0", show,
                 "eth0 has no link-local address, which IPv6 needs to resolve neighbours (");
    EXPECT_TRUE(eventually([&] { return lbd.reaches("fd00::3"); }));
}

TEST_F(LbdCures, WhatTheHostDoesBesides) {
    const Asking check = says("run --check -c /run/lbd.yaml");
    for (const char* sysctl : {"net.ipv4.conf.all.accept_redirects", "net.ipv6.conf.eth0.accept_redirects"})
        expect_cured("redirects_followed", fmt::format("sysctl -qw {}=1", sysctl), check,
                     "lbd does not, but what the host itself sends does (");
    expect_cured("interface_missing", "sed -i s/eth0/eth7/ /run/lbd.yaml", check, "balance on eth7: No such device (",
                 [](const std::string& advice) {
                     return before(advice, " lists the existing ones") +
                            " | grep -q eth0 && sed -i s/eth7/eth0/ /run/lbd.yaml";
                 });

    // With the MTU raised, and with an encapsulation of less overhead.
    const std::string narrow = "IPv6 clients' packets of up to 1280 bytes do not fit the path to web6 fd00::3: ";
    const auto read = [](const std::string& cure) {
        EXPECT_THAT(cure,
                    testing::StartsWith("its MTU is 1300, and they need 1320; raise it, or choose an encapsulation"));
        return with("ip link set eth0 mtu NEED", "NEED", cure.substr(cure.find("need ") + 5, 4));
    };
    expect_cured("path_too_narrow", "ip link set eth0 mtu 1300", check, narrow, read);
    expect_cured("path_too_narrow", "ip link set eth0 mtu 1300", check, narrow,
                 [](const std::string&) { return "sed -i 's/type: ipip/type: l2/' /run/lbd.yaml"; });
}

TEST_F(LbdCures, AMemberOfABond) {
    REQUIRE_MODULE("bonding");
    expect_cured(
        "interface_is_member",
        "ip link add bond0 type bond mode active-backup && ip link set eth0 down && ip link set eth0 master bond0",
        says("run --check -c /run/lbd.yaml"), "it is a member of bond0 (",
        [](const std::string& line) { return fmt::format("sed -i 's/interfaces: .*/{}/' /run/lbd.yaml", line); });
}

TEST_F(LbdCures, WhatKeepsLbdFromBeginning) {
    const std::string pins = "/sys/fs/bpf/culvert/lbd/*/";
    const auto run = [&] { return says("run -c /run/lbd.yaml & sleep 1; kill $! 2> /dev/null; wait")(); };
    const auto other_version = [](const std::string& cure) {
        return before(cure, ", then start: all flows are forgotten");
    };
    Balancer(balancer(), config).stop();
    expect_cured("other_version_runs", fmt::format("cd {} && mv *-? 1-1", pins), run, "those of this version 5 (",
                 other_version);
    Balancer(balancer(), config).stop();
    expect_cured(
        "other_version_runs",
        fmt::format("cd {}/*-? && rm dests && bpftool map create $PWD/dests type array key 4 value 8 entries 1 "
                    "name other",
                    pins),
        run, "its values have 8 bytes, those of this version 256 (", other_version);
    expect_cured("drains_unreadable", "echo [{}] > /run/culvert/lbd/lbd.drained.json", run, "key 'service' not found (",
                 [](const std::string& cure) { return before(cure, ": the backends listed there are then active"); });
    expect_cured("offloads_unreadable", "echo [{}] > /run/culvert/lbd/lbd.offloads.json", run, "key 'name' not found (",
                 [](const std::string& cure) { return before(cure, ": the offloads listed there then stay off"); });
    sh(CULVERT_LBD " stop --detach");
}

TEST_F(LbdCures, WhoAsks) {
    const Asking show = says("show");
    std::optional<Process> lbd(balancer().spawn(CULVERT_LBD " run -c /run/lbd.yaml"));
    lbd->wait_for("balancing");
    balancer().write("/run/more", "");
    expect_cured("not_running", fmt::format("kill {}; sleep 1", lbd->pid()), show, "(is it running? ",
                 [](const std::string& cure) {
                     return with(cure, "FILE", "/run/lbd.yaml") + " > /run/log 2>&1 & echo $! > /run/pid";
                 });
    expect_cured(
        "sender_unknown", "kill $(cat /run/pid); sleep 1",
        [&] { return says("render realserver -c /run/lbd.yaml --backend 10.0.0.3 " + balancer().read("/run/more"))(); },
        "(or give the address that it sends from: ",
        [](const std::string& cure) { return "echo " + with(cure, "ADDRESS", "10.0.0.2") + " > /run/more"; });
}

TEST_F(LbdCures, OfKeys) {
    balancer().write("/run/more", "");
    const Asking check = [&] { return says("run --check -c /run/lbd.yaml " + balancer().read("/run/more"))(); };
    const auto by_this_lbd = [](const std::string& cure) { return with(cure, "lbd", CULVERT_LBD); };
    const std::string own = "/var/lib/culvert/lbd/key";
    expect_cured("own_key_damaged", "mkdir /var/lib/culvert/lbd; : > " + own, check, "64 hexadecimal digits (",
                 [](const std::string& cure) { return before(cure, ": lbd then makes another one"); });

    Balancer(balancer(), config).stop();
    expect_cured("key_kept", CULVERT_LBD " keygen > " + own, check, "the pinned program keeps its key ",
                 [&](const std::string& said) {
                     return by_this_lbd(before(behind(said, " ("), ", then start, at a moment without connections"));
                 });

    expect_cured("state_not_writable", "rm -r /var/lib/culvert/lbd; mount -o remount,ro /var/lib/culvert", check,
                 "Read-only file system (", [](const std::string& cure) {
                     const std::string option = behind(cure, "StateDirectory=culvert/lbd in the unit of systemd, or ");
                     return "echo " + with(option, "DIRECTORY", "/run/state") + " > /run/more";
                 });

    expect_cured("key_missing", "echo 'cluster: {key_file: /run/cluster.key}' >> /run/lbd.yaml", check,
                 "read /run/cluster.key: No such file or directory (", [&](const std::string& cure) {
                     return by_this_lbd(before(cure, ", or copy it from another balancer of the cluster"));
                 });
    expect_cured("key_open", "chmod 644 /run/cluster.key", check, "/run/cluster.key, which is a secret (");
}

// As nobody, and then as root.
class LbdPermissions : public LbdCures {
  protected:
    Asking as(const std::string& command) {
        balancer().write("/run/as", "");
        return [this, command] {
            const Output output = sh(balancer().read("/run/as") + CULVERT_LBD + ' ' + command);
            return output.out + output.err;
        };
    }
    static std::function<std::string(std::string)> root(const std::string& why) {
        return [why](const std::string& cure) { return fmt::format("test '{}' = '{}' && : > /run/as", cure, why); };
    }
    static std::string become(const std::string& capability) {
        std::string nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups ";
        for (const char* set : {"--inh-caps", "--ambient-caps"})
            if (!capability.empty()) nobody += fmt::format("{} +{} ", set, capability);
        return fmt::format("echo -n '{}' > /run/as", nobody);
    }
};

TEST_F(LbdPermissions, ToBalance) {
    balancer().must("install -d -m 1777 /run/state");
    const Asking check = as("run --check -c /run/lbd.yaml --state-dir /run/state");
    expect_cured("not_permitted_socket", become(""), check, "(run as root, or with ", root("CAP_NET_RAW"));
    expect_cured("not_permitted", become("net_raw"), check, "(run as root, or with ",
                 root("CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"));
}

TEST_F(LbdPermissions, ToReadAKey) {
    balancer().must("sh -c 'umask 77; " CULVERT_LBD " keygen > /run/cluster.key'");
    balancer().must("sh -c \"echo 'cluster: {key_file: /run/cluster.key}' >> /run/lbd.yaml\"");
    expect_cured("key_unreadable", become(""), as("check -c /run/lbd.yaml"),
                 "read /run/cluster.key: Permission denied (");
}

TEST_F(LbdPermissions, ToCapture) {
    const Balancer running(balancer(), config);
    const Asking capture = as("capture --seconds 0.1");
    if (const std::string refusal = capture(); refusal.find("Operation not permitted") != std::string::npos)
        GTEST_SKIP() << "needs a kernel that can trace BPF programs: " << refusal;
    expect_cured("not_permitted_tracing", become("dac_override"), capture, "(run as root",
                 root("; some kernels do not allow tracing of BPF programs"));
}

}  // namespace
}  // namespace culvert::netns
