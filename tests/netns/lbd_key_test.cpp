// SPDX-License-Identifier: Apache-2.0
//
// The key that decides which backend a flow gets.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* key_file = "/run/cluster.key";
const std::string one(64, '1');
const std::string two(64, '2');

/// Eight backends, which are one host with eight addresses.
std::string config(const std::string& file = {}) {
    std::string text = R"(
interfaces: [eth0]
flows: {entries: 64k}
services:
  - name: web
    vip: 192.0.2.1
    ports: [80/tcp]
    encap: {type: l2}
    backends: [{address: 10.0.0.11}, {address: 10.0.0.12}, {address: 10.0.0.13}, {address: 10.0.0.14},
               {address: 10.0.0.15}, {address: 10.0.0.16}, {address: 10.0.0.17}, {address: 10.0.0.18}]
)";
    return file.empty() ? text : text + "cluster: {key_file: " + file + "}\n";
}

class LbdKey : public LbdTest {
  protected:
    void SetUp() override {
        LbdTest::SetUp();
        if (IsSkipped()) return;
        for (int last = 11; last <= 18; ++last) backend().ip(fmt::format("addr add 10.0.0.{}/24 dev eth0", last));
    }

    /// The backends of these clients, as the loaded program chooses them.
    static std::vector<std::string> backends(const Host& host) {
        std::vector<std::string> chosen;
        for (int port = 40'000; port < 40'012; ++port) {
            const auto told = nlohmann::json::parse(host.must(
                fmt::format("{} explain -j --src 10.0.0.1:{} --dst 192.0.2.1:80 --flags ack", CULVERT_LBD, port)));
            chosen.push_back(told.at(0)["backend"]["address"]);
        }
        return chosen;
    }

    Output lbd(const std::string& arguments) { return balancer().run(CULVERT_LBD " " + arguments); }

    /// Everything that does not survive a reboot.
    void lose_what_a_reboot_loses() {
        balancer().must("rm -r /sys/fs/bpf/culvert /run/culvert");
        ASSERT_TRUE(eventually([&] { return balancer().must("ip link show eth0").find("xdp") == std::string::npos; }));
    }
};

TEST_F(LbdKey, OfLbdItselfOutlivesItsProgramAndAReboot) {
    std::vector<std::string> before;
    {
        Balancer first(balancer(), config());
        EXPECT_EQ(balancer().must("stat -c '%a %s' /var/lib/culvert/lbd/key"), "600 65\n");
        before = backends(balancer());
        balancer().must(CULVERT_LBD " stop --detach");
        EXPECT_EQ(first.wait().status, 0);
    }
    {
        Balancer second(balancer(), config());
        EXPECT_EQ(backends(balancer()), before);
        (void)second.stop(SIGKILL);
    }
    lose_what_a_reboot_loses();
    {
        Balancer third(balancer(), config());
        EXPECT_EQ(backends(balancer()), before);
        balancer().must(CULVERT_LBD " stop --detach");
        EXPECT_EQ(third.wait().status, 0);
    }
    balancer().must("rm /var/lib/culvert/lbd/key");
    const Balancer other(balancer(), config());
    EXPECT_NE(backends(balancer()), before) << "the key decides";
}

TEST_F(LbdKey, IsOneForTheCluster) {
    const Host second("second"), third("third");
    lan().connect({{second, "eth0", {"10.0.0.4/24", "fd00::4/64"}}, {third, "eth0", {"10.0.0.5/24", "fd00::5/64"}}});
    for (const Host* host : {&balancer(), &second, &third}) host->write(key_file, one + "\n");
    const Balancer a(balancer(), config(key_file)), b(second, config(key_file)), c(third, config(key_file));
    const auto chosen = backends(balancer());
    EXPECT_EQ(backends(second), chosen);
    EXPECT_EQ(backends(third), chosen);
    EXPECT_EQ(a.show("flows")["key"], b.show("flows")["key"]);
    EXPECT_EQ(a.show("flows")["key"], c.show("flows")["key"]);
    EXPECT_EQ(balancer().must("find /var/lib/culvert"), "/var/lib/culvert\n") << "it needs no key of its own";
}

TEST_F(LbdKey, OfAPinnedProgramStaysUntilItIsDetached) {
    balancer().write(key_file, one);
    std::optional<Balancer> lbd;
    lbd.emplace(balancer(), config(key_file));
    const auto chosen = backends(balancer());
    const std::string in_force = lbd->show("flows")["key"];
    EXPECT_FALSE(lbd->show("flows").contains("configured_key"));

    balancer().write(key_file, two);
    balancer().must(CULVERT_LBD " reload");
    const std::string kept = "the pinned program keeps its key " + in_force + ", although the configured one is ";
    EXPECT_EQ(lbd->said(kept), 1U) << lbd->log();
    balancer().must(CULVERT_LBD " reload");
    EXPECT_EQ(lbd->said(kept), 1U) << "once";
    EXPECT_EQ(lbd->show("flows")["key"], in_force);
    const std::string configured = lbd->show("flows")["configured_key"];
    EXPECT_NE(configured, in_force);
    EXPECT_THAT(balancer().must(CULVERT_LBD " show flows"),
                HasSubstr(fmt::format("key {} in force; the configured one is {} (lbd stop --detach, then start, ",
                                      in_force, configured)));
    EXPECT_EQ(backends(balancer()), chosen);
    for (const char* view : {"services", "backends", "flows", "interfaces", "counters"})
        EXPECT_THAT(lbd->show(view).dump(), Not(HasSubstr("22222222")));
    EXPECT_THAT(lbd->log(), Not(HasSubstr("22222222")));

    EXPECT_EQ(lbd->stop().status, 0);
    lbd.emplace(balancer(), config(key_file));
    EXPECT_EQ(lbd->said(kept + configured), 1U) << lbd->log();
    EXPECT_EQ(backends(balancer()), chosen);

    balancer().must(CULVERT_LBD " stop --detach");
    EXPECT_EQ(lbd->wait().status, 0);
    lbd.emplace(balancer(), config(key_file));
    EXPECT_EQ(lbd->said("keeps its key"), 0U) << lbd->log();
    EXPECT_EQ(lbd->show("flows")["key"], configured);
    EXPECT_NE(backends(balancer()), chosen);
}

TEST_F(LbdKey, ThatCannotBeReadIsABadConfiguration) {
    balancer().write("/run/lbd.yaml", config(key_file));
    const std::string missing =
        "/run/lbd.yaml: read /run/cluster.key: No such file or directory (lbd keygen | install ";
    for (const std::string command : {"check -c", "run --check -c", "run -c"}) {
        const Output refused = lbd(command + " /run/lbd.yaml");
        EXPECT_EQ(refused.status, 2) << refused;
        EXPECT_THAT(refused.err, HasSubstr(missing));
    }
    EXPECT_THAT(balancer().must("ip link show eth0"), Not(HasSubstr("xdp")));
    EXPECT_EQ(balancer().must("find /var/lib/culvert /sys/fs/bpf -mindepth 1 -path '*culvert*'"), "");

    balancer().write(key_file, one);
    EXPECT_EQ(lbd("check -c /run/lbd.yaml").status, 0);
    const Balancer running(balancer(), config(key_file));
    const std::string before = running.show("flows").dump();
    for (const std::string& text : {std::string(), two.substr(1)}) {
        balancer().write(key_file, text);
        const Output refused = lbd("reload");
        EXPECT_EQ(refused.status, 2) << refused;
        EXPECT_THAT(refused.err, HasSubstr("read /run/cluster.key: Invalid argument: it has no key, which is a line "));
        EXPECT_THAT(refused.err, Not(HasSubstr("22222222")));
    }
    EXPECT_EQ(running.show("flows").dump(), before);
}

TEST_F(LbdKey, OfLbdItselfNeedsAStateDirectory) {
    balancer().write("/run/lbd.yaml", config());
    balancer().must("mount -o remount,ro /var/lib/culvert");
    for (const std::string command : {"run --check -c", "run -c"}) {
        const Output refused = lbd(command + " /run/lbd.yaml");
        EXPECT_EQ(refused.status, 2) << refused;
        EXPECT_THAT(refused.err, HasSubstr("Read-only file system (StateDirectory=culvert/lbd in the unit of systemd, "
                                           "or --state-dir DIRECTORY)"));
    }
    EXPECT_EQ(balancer().must("find /sys/fs/bpf -path '*culvert*'"), "");
    const Balancer elsewhere(balancer(), config(), "balancing",
                             CULVERT_LBD " run -c /run/lbd.yaml --state-dir /run/state");
    EXPECT_EQ(balancer().must("stat -c %a /run/state/key"), "600\n");
}

TEST_F(LbdKey, ForAClusterIsPrinted) {
    const std::string key = balancer().must(CULVERT_LBD " keygen");
    EXPECT_EQ(key.size(), 65U);
    EXPECT_EQ(key.find_first_not_of("0123456789abcdef"), 64U);
    EXPECT_NE(balancer().must(CULVERT_LBD " keygen"), key);
    balancer().write(key_file, key);
    balancer().write("/run/lbd.yaml", config(key_file));
    balancer().must(fmt::format("chmod 600 {}", key_file));
    const Output checked = lbd("check -c /run/lbd.yaml");
    EXPECT_EQ(checked.status, 0);
    EXPECT_EQ(checked.err, "");
}

}  // namespace
}  // namespace culvert::netns
