// SPDX-License-Identifier: Apache-2.0
//
// Checks that every command of both programs has: help, options, exit status.
#include <gmock/gmock.h>

#include <sstream>
#include <string>
#include <vector>

#include "tests/netns/lbd_test.hpp"

namespace culvert::netns {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* config = R"(
interfaces: [eth0]
flows: {entries: 64k}
services:
  - {name: web4, vip: 192.0.2.1, ports: [80/tcp], encap: {type: l2}, backends: [{address: 10.0.0.3}]}
  - {name: web6, vip: "2001:db8::1", ports: [80/tcp], encap: {type: l2}, backends: [{address: "fd00::3"}]}
)";

class Commands : public LanTest {
  protected:
    Output lbd(const std::string& words) { return balancer().run(CULVERT_LBD " " + words); }

    /// The commands in `--help`.
    std::vector<std::string> commands_of(const std::string& program) {
        std::istringstream help(balancer().must(program + " --help"));
        std::vector<std::string> commands;
        std::string line;
        while (std::getline(help, line) && line != "Subcommands:") {
        }
        while (std::getline(help, line) && line.starts_with("  "))
            commands.push_back(line.substr(2, line.find(' ', 2) - 2));
        return commands;
    }
};

TEST_F(Commands, EachHasHelpAndTakesNoOtherOptions) {
    for (const std::string program : {CULVERT_LBD, CULVERT_REALSERVER}) {
        const auto commands = commands_of(program);
        EXPECT_GE(commands.size(), 8U) << program;
        for (const std::string& command : commands) {
            SCOPED_TRACE(program + " " + command);
            const Output help = balancer().run(program + " " + command + " --help");
            EXPECT_EQ(help.status, 0) << help;
            EXPECT_THAT(help.out, AllOf(HasSubstr("Usage: "), HasSubstr("--netns NAME"), HasSubstr("--color auto")));
            const Output refused = balancer().run(program + " " + command + " --nonsense");
            EXPECT_EQ(refused.status, 2) << refused;
            EXPECT_NE(refused.err, "");
            EXPECT_EQ(refused.out, "");
        }
        for (const char* words : {"", " check --color=sometimes", " check one two"})
            EXPECT_EQ(balancer().run(program + words).status, 2) << program << words;
    }
}

TEST_F(Commands, OfLbdFailWithoutABalancer) {
    balancer().write("/run/lbd.yaml", config);
    for (const char* command : {"show", "show flows -j", "watch", "capture", "reload", "stop", "drain 10.0.0.3",
                                "undrain 10.0.0.3", "leave", "join", "explain --src 10.0.0.1:1 --dst 192.0.2.1:80",
                                "render realserver --backend 10.0.0.3 -c /run/lbd.yaml"}) {
        const Output output = lbd(command);
        EXPECT_EQ(output.status, 1) << command;
        EXPECT_THAT(output.err, StartsWith("lbd: connect to lbd /run/culvert/lbd/lbd.sock: No such file")) << command;
        EXPECT_EQ(output.out, "") << command;
    }
    EXPECT_EQ(lbd("check -c /run/lbd.yaml").status, 0);
    EXPECT_THAT(lbd("ready").err, StartsWith("lbd: no VIP is announced"));
    EXPECT_EQ(lbd("withdraw").status, 0) << "there is nothing to withdraw";
    EXPECT_EQ(lbd("stop --detach").status, 0) << "there is nothing to detach";
}

TEST_F(Commands, ThatNameWhatIsNotMakeNoSense) {
    for (const char* command : {"drain",
                                "undrain",
                                "render",
                                "render realserver",
                                "render nginx --backend 10.0.0.3",
                                "render realserver --backend b1",
                                "render bird",
                                "render frr --as 65001",
                                "render bird --as 65001 --router-id fd00::2 --peer 10.0.0.1=65000",
                                "render bird --as 65001 --router-id 10.0.0.2 --peer 10.0.0.1",
                                "render keepalived --interface eth0",
                                "render keepalived --group 256",
                                "leave --for 0",
                                "explain",
                                "explain --src 10.0.0.1:1",
                                "explain --src 10.0.0.1:1 --dst 192.0.2.1:80 --proto gre",
                                "watch --interval 0",
                                "capture --seconds 0",
                                "drain 10.0.0.3 --for 0",
                                "show services -4 -6",
                                "show flows -4",
                                "show -j -br",
                                "check -c /run/none.yaml",
                                "run -c /run/none.yaml"})
        EXPECT_EQ(lbd(command).status, 2) << command;
}

TEST_F(Commands, ShowTakesFamiliesBrevityAndColours) {
    const Balancer running(balancer(), config);
    const auto shown = [&](const std::string& words) { return balancer().must(CULVERT_LBD " show " + words); };
    EXPECT_EQ(shown("-br -4"), "web4  1/1  192.0.2.1\n");
    EXPECT_EQ(shown("services -6 --brief"), "web6  1/1  2001:db8::1\n");
    EXPECT_EQ(shown("-br backends -6"), "web6  fd00::3  active  l2\n");
    EXPECT_THAT(shown("neighbours -4"), AllOf(HasSubstr("10.0.0.3"), Not(HasSubstr("fd00::3"))));
    EXPECT_THAT(shown("backends -4 -j"), AllOf(StartsWith("[\n"), HasSubstr("10.0.0.3"), Not(HasSubstr("fd00::3"))));
    EXPECT_THAT(shown("--color=always"), HasSubstr("\x1b[1mSERVICE\x1b[0m"));
    EXPECT_THAT(shown(""), AllOf(HasSubstr("SERVICE"), Not(HasSubstr("\x1b"))));

    // On a terminal.
    const auto on_terminal = [&](const std::string& before) {
        return balancer().must("script -qec '" + before + CULVERT_LBD " show' /dev/null");
    };
    EXPECT_THAT(on_terminal("TERM=xterm "), HasSubstr("\x1b[1mSERVICE"));
    EXPECT_THAT(on_terminal("TERM=xterm NO_COLOR=1 "), AllOf(HasSubstr("SERVICE"), Not(HasSubstr("\x1b"))));
}

TEST_F(Commands, StatusTakesFamiliesAndBrevity) {
    backend().write("/run/realserver.yaml", "vips: [192.0.2.1, '2001:db8::1']\nreceive: [{encap: l2}]\n");
    const auto realserver = [&](const std::string& words) {
        return backend().run(CULVERT_REALSERVER " " + words + " -c /run/realserver.yaml");
    };
    ASSERT_EQ(realserver("apply").status, 0);
    EXPECT_EQ(realserver("status -br -4").out, "vip  ok  192.0.2.1\n");
    EXPECT_EQ(realserver("status -6 --brief").out, "vip  ok  2001:db8::1\n");
    EXPECT_THAT(realserver("status -b").out,
                AllOf(HasSubstr("vip     ok  192.0.2.1\n"), HasSubstr("link    ok  lo\n")));
    EXPECT_EQ(nlohmann::json::parse(realserver("status -6 -j").out)["items"].size(), 1U);
    for (const char* wrong : {"status -4 -6", "status -j -br", "-j status -b"})
        EXPECT_EQ(realserver(wrong).status, 2) << wrong;
}

TEST_F(Commands, SayWhatTheyWaitFor) {
    const Balancer running(balancer(), config);
    running.signal(SIGSTOP);
    Process show = balancer().spawn("script -qec '" CULVERT_LBD " show' /dev/null");
    show.wait_for("lbd is busy: waiting for its answer\r\n");
    running.signal(SIGCONT);
    const Output shown = show.wait();
    EXPECT_EQ(shown.status, 0);
    EXPECT_THAT(shown.out, HasSubstr("web4"));
}

TEST_F(Commands, OfLbdWorkInANamedNamespace) {
    balancer().must("ip netns add blue");
    balancer().ip(
        "link add inside netns blue type veth peer name outside\n"
        "link set outside up\naddr add 10.5.0.3/24 dev outside\n");
    balancer().must("ip -n blue link set inside up");
    balancer().must("ip -n blue addr add 10.5.0.2/24 dev inside");
    balancer().must("ethtool -K outside gro on");  // otherwise this end accepts no frames from native XDP
    balancer().write("/run/blue.yaml", "interfaces: [inside]\nflows: {entries: 64k}\nservices: []\n");
    Process blue = balancer().spawn(CULVERT_LBD " --netns blue run -c /run/blue.yaml");
    blue.wait_for("balancing");
    EXPECT_EQ(lbd("show").status, 1) << "no lbd runs here";
    EXPECT_THAT(lbd("show interfaces -br --netns blue").out, StartsWith("inside  up  native\n"));
    EXPECT_THAT(balancer().must("ip -n blue link show inside"), HasSubstr("xdp"));
    EXPECT_THAT(balancer().must("ip link"), Not(HasSubstr("xdp")));
    EXPECT_EQ(lbd("stop --detach --netns blue").status, 0);
    EXPECT_EQ(blue.wait().status, 0);
    EXPECT_THAT(balancer().must("ip -n blue link show inside"), Not(HasSubstr("xdp")));
    EXPECT_EQ(lbd("show --netns red").status, 1);
}

}  // namespace
}  // namespace culvert::netns
