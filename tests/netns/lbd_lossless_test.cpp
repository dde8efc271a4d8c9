// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/netns/checks.hpp"
#include "tests/netns/echo.hpp"
#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

std::string config(int backends, std::string_view more = "") {
    std::string text = fmt::format(R"(
interfaces: [eth0]
flows: {{entries: 1M}}
defaults: {{encap: {{type: l2}}}}
services:
  - name: echo
    vip: 192.0.2.1
    ports: [7/tcp, 7/udp]
    backends:
{})",
                                   "");
    for (int i = 3; i < 3 + backends; ++i) text += fmt::format("      - {{address: 10.0.0.{}}}\n", i);
    return text + std::string(more);
}

constexpr const char* lbd_to_kill = "env CULVERT_KILL_AT=/run/kill-at " CULVERT_LBD_FAULTS " run -c /run/lbd.yaml";

/// Before the call of this number, or after it.
std::string moment(int call) { return (call % 2 == 0 ? "-" : "") + std::to_string(call); }

// LbdTest's hosts, and a second backend, 10.0.0.4; a third, 10.0.0.5, is added later
class LbdLossless : public LbdTest {
  protected:
    void SetUp() override {
        LbdTest::SetUp();
        if (IsSkipped()) return;
        for (int i = 4; i <= 5; ++i) {
            more_.push_back(std::make_unique<Host>(fmt::format("b{}", i)));
            lan().connect({{*more_.back(), "eth0", {fmt::format("10.0.0.{}/24", i)}}});
            more_.back()->ip("addr add 192.0.2.1/32 dev lo\n");
            serve(*more_.back());
        }
        serve(backend());
    }

    /// 10.0.0.5
    [[nodiscard]] const Host& last() const { return *more_.back(); }

    /// Returns when all connections are established.
    Process load() {
        return echo_load(client());
    }

    static void expect_nothing_lost(Process& load) {
        const auto result = echo_outcome(load);
        EXPECT_TRUE(kept_all(result)) << result;
        EXPECT_EQ(result["lost"], 0) << result;
        EXPECT_GT(result["datagrams"], 100) << result;
    }

    /// Ends an lbd_to_kill. False if it was killed at its moment, which may also come after it was `ready`.
    static bool ended_by_itself(Process& lbd, bool ready) {
        const int status = lbd.stop(ready ? SIGTERM : SIGKILL).status;
        EXPECT_TRUE(status == 128 + SIGKILL || (ready && status == 0)) << status;
        return status == 0;
    }

  private:
    void serve(const Host& host) { servers_.push_back(echo_server(host)); }

    std::vector<std::unique_ptr<Host>> more_;
    std::vector<Process> servers_;
};

TEST_F(LbdLossless, RestartsAndReloads) {
    Balancer lbd(balancer(), config(2));
    Process load = this->load();
    EXPECT_EQ(lbd.stop().status, 0);
    balancer().must("cp " + program(CULVERT_LBD) + " /run/lbd-copy");  // an upgrade
    Process copy = balancer().spawn("/run/lbd-copy run -c /run/lbd.yaml");
    copy.wait_for("balancing");

    lbd.reload(config(3));
    lbd.reload(config(2));
    lbd.reload(config(2,
                      "  - {name: six, vip: \"2001:db8::1\", ports: any, encap: {type: ipip}, "
                      "backends: [{address: 10.0.0.3}]}\n"));  // another program
    std::string larger = config(2);
    lbd.reload(larger.replace(larger.find("1M"), 2, "4M"));
    lbd.reload(config(2));
    copy.stop(SIGKILL);
    const Balancer again(balancer(), config(2));
    expect_nothing_lost(load);
}

// Connections stay with their backends, whatever becomes of those and of others.
TEST_F(LbdLossless, DrainsReturnsAndDeaths) {
    const auto checked = [](int backends, std::string_view weights = "") {
        std::string text = config(backends);
        text.replace(text.find("{encap"), 1, fmt::format("{{health: {{type: tcp, {}}}, ", often));
        return text.replace(text.rfind("10.0.0.3"), 8, fmt::format("10.0.0.3{}", weights));
    };
    std::optional<Balancer> lbd(std::in_place, balancer(), checked(2));
    const auto both_are_up = [&] { return becomes(*lbd, "10.0.0.3", "up") && becomes(*lbd, "10.0.0.4", "up"); };
    EXPECT_TRUE(both_are_up());
    Process load = this->load();
    lbd->reload(checked(3));
    EXPECT_TRUE(becomes(*lbd, "10.0.0.5", "up"));
    for (const char* backend : {"10.0.0.3", "10.0.0.4"}) {
        balancer().must(fmt::format("{} drain {}", CULVERT_LBD, backend));
        last().ip("link set eth0 down\n");
        EXPECT_TRUE(becomes(*lbd, "10.0.0.5", "down"));
        lbd->stop(SIGKILL);
        lbd.emplace(balancer(), checked(3, ", weight: 3"));
        EXPECT_TRUE(both_are_up());
        last().ip("link set eth0 up\n");
        EXPECT_TRUE(becomes(*lbd, "10.0.0.5", "up"));
        balancer().must(fmt::format("{} undrain {}", CULVERT_LBD, backend));
        lbd->reload(checked(2));
        lbd->reload(checked(3));
        EXPECT_TRUE(becomes(*lbd, "10.0.0.5", "up"));
    }
    std::string small = checked(3);
    lbd->reload(small.replace(small.find("vip:"), 0, "table: 307\n    "));
    lbd->reload(checked(3));
    expect_nothing_lost(load);
}

// After each kill, the next one starts from the state that is left, and is killed later.
TEST_F(LbdLossless, IsKilledAtManyMoments) {
    Balancer(balancer(), config(2)).stop();
    Process load = this->load();
    int at = 1;
    bool done = false;
    for (; !done; at += 17) {
        balancer().write("/run/lbd.yaml", config(2 + at / 17 % 2));
        balancer().write("/run/kill-at", moment(at));
        Process lbd = balancer().spawn(lbd_to_kill);
        EXPECT_TRUE(eventually([&] { return !lbd.running() || lbd.err().find("balancing") != std::string::npos; }));
        done = ended_by_itself(lbd, lbd.running());
    }
    EXPECT_GT(at, 50);
    expect_nothing_lost(load);
}

TEST_F(LbdLossless, IsKilledAtManyMomentsOfReloads) {
    std::string other = config(3,
                               "  - {name: six, vip: \"2001:db8::1\", ports: any, encap: {type: ipip}, "
                               "backends: [{address: 10.0.0.3}]}\n");
    other.replace(other.find("1M"), 2, "2M");  // another program, other maps
    Balancer(balancer(), config(2)).stop();
    Process load = this->load();
    int at = 1;
    bool done = false;
    for (; !done; at += 53) {
        balancer().must("rm -f /run/kill-at");
        Process lbd = balancer().spawn(lbd_to_kill);
        lbd.wait_for("balancing");
        balancer().write("/run/lbd.yaml", at / 53 % 2 == 0 ? other : config(2));
        balancer().write("/run/kill-at", moment(at));
        done = ended_by_itself(lbd, balancer().run(CULVERT_LBD " reload").ok());
    }
    EXPECT_GT(at, 150);
    expect_nothing_lost(load);
}

TEST_F(LbdLossless, IsTakenOverFromTheFormerRelease) {
    balancer().must("sh -c 'xz -dc " CULVERT_FORMER_LBD " >/run/former && chmod 755 /run/former'");
    if (const auto version = balancer().run("/run/former --version"); !version.ok())
        GTEST_SKIP() << "lbd 0.1.0 needs Debian 12's libraries on x86-64: " << version.err;
    balancer().write("/run/lbd.yaml", config(2));
    Process former = balancer().spawn("/run/former run -c /run/lbd.yaml");
    former.wait_for("balancing");
    Process load = this->load();
    EXPECT_EQ(former.stop().status, 0);
    const Balancer lbd(balancer(), config(2));
    lbd.reload(config(3));
    balancer().must(CULVERT_LBD " drain 10.0.0.3");
    balancer().must(CULVERT_LBD " undrain 10.0.0.3");
    lbd.reload(config(2));
    expect_nothing_lost(load);
}

// Proves that the other tests would notice losses.
TEST_F(LbdLossless, LosesWhatIsDetached) {
    Balancer lbd(balancer(), config(2));
    Process load = this->load();
    balancer().must(CULVERT_LBD " stop --detach");
    lbd.wait();
    // Waits until traffic has flowed meanwhile, however busy the machine is.
    const auto sent = [&] { return std::stoull(client().read("/sys/class/net/eth0/statistics/tx_packets")); };
    const auto before = sent();
    EXPECT_TRUE(eventually([&] { return sent() > before + 20; }));
    const Balancer again(balancer(), config(3));
    const auto result = echo_outcome(load);
    EXPECT_TRUE(result["moved"] != 0 || result["broken"] != 0 || result["lost"] != 0) << result;
}

}  // namespace
}  // namespace culvert::netns
