// SPDX-License-Identifier: Apache-2.0
//
// realserver and lbd without root on the machine, and in mount namespaces that end with them.
#include <gmock/gmock.h>

#include "tests/netns/realserver_test.hpp"

namespace culvert::netns {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Namespaces : public Realserver {
  protected:
    void SetUp() override {
        Realserver::SetUp();
        if (!IsSkipped()) build();
    }
    /// Runs a script as root of a user namespace with a network of its own.
    Output in_user_namespace(const std::string& script) {
        return host().run(Arguments{
            "unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-ec",
            "ip link set lo up\non_it() { " CULVERT_REALSERVER " \"$@\" -c /run/realserver.yaml; }\n" + script});
    }
};

TEST_F(Namespaces, RootOfAUserNamespaceHasNftables) {
    configure(without_modules.yaml);
    const Output output = in_user_namespace(
        "on_it apply\non_it plan\nnft list table inet culvert\nip addr show dev lo\non_it status "
        "--brief\non_it check || test $? = 3\n"
        "on_it teardown\nnft list ruleset\necho gone: $(ip addr show dev lo | grep -c 192.0.2.1)\n");
    EXPECT_THAT(output.out, AllOf(HasSubstr("nothing to change"), HasSubstr("table inet culvert {"),
                                  HasSubstr("inet 192.0.2.1/32"), HasSubstr("inet6 2001:db8::1/128")))
        << output;
    EXPECT_THAT(output.out, HasSubstr("gone: 0"));
}

TEST_F(Namespaces, RootOfAUserNamespaceMonitors) {
    configure(without_modules.yaml);
    const Output output = in_user_namespace(CULVERT_REALSERVER
                                            " monitor -c /run/realserver.yaml 2>/run/monitor.log &\n"
                                            "until grep ready: /run/monitor.log; do sleep 0.1; done\n"
                                            "nft delete table inet culvert\n"
                                            "until grep 'repaired: + table' /run/monitor.log; do sleep 0.1; done\n"
                                            "kill $!\nwait $!\n");
    EXPECT_TRUE(output.ok()) << output << host().read("/run/monitor.log");
}

TEST_F(Namespaces, ATableOfManyVipsFitsWithoutPrivilege) {
    std::string vips, receive;
    for (int i = 0; i < 2000; ++i) vips += fmt::format("{}198.18.{}.{}", i == 0 ? "" : ", ", i / 250, i % 250 + 1);
    configure(
        fmt::format("{{vips: [{}], receive: [{{encap: l3dsr, dscp: 2, vip: 198.18.0.1}}, {{encap: l2}}]}}", vips));
    const Output output = in_user_namespace("on_it apply >/dev/null\non_it plan\n");
    EXPECT_EQ(output.out, "nothing to change\n") << output;
}

TEST_F(Namespaces, SaysWhatRootOfAUserNamespaceMayNot) {
    configure(
        "{balancers: [10.0.0.1], interfaces: [lo], vips: [192.0.2.1], "
        "receive: [{encap: gue, port: 5080, via: xdp}]}");
    const Output output = in_user_namespace("on_it apply || echo status $?; ip addr show dev lo\n");
    EXPECT_THAT(output.out, AllOf(HasSubstr("status 1"), Not(HasSubstr("192.0.2.1")))) << output;
    EXPECT_THAT(output.err, HasSubstr("run as root")) << output;
}

TEST_F(Namespaces, ReadOnlySysctlsAreNamed) {
    configure(without_modules.yaml);
    const Output output =
        in_user_namespace("mount --bind /proc/sys /proc/sys\nmount -o remount,bind,ro /proc/sys\non_it apply\n");
    EXPECT_EQ(output.status, 1) << output;
    EXPECT_THAT(output.err, HasSubstr("make it writable for the container")) << output;
}

/// `ip netns exec` mounts a /sys for the command only.
class NetnsExec : public Namespaces {
  protected:
    void SetUp() override {
        Namespaces::SetUp();
        if (!IsSkipped()) host().must("ip netns add there");
    }
    void TearDown() override {
        if (!IsSkipped()) (void)host().run("ip netns del there");
    }
    const std::string by_xdp_{
        "{balancers: [10.0.0.1], interfaces: [lo], vips: [192.0.2.1], "
        "receive: [{encap: gue, port: 5080, via: xdp}]}"};
};

TEST_F(NetnsExec, WhatWouldEndWithTheCommandIsRefused) {
    configure(by_xdp_);
    const Output refused = host().run("ip netns exec there " CULVERT_REALSERVER " apply -c /run/realserver.yaml");
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("use --netns NAME instead of ip netns exec NAME")) << refused;
    EXPECT_THAT(host().must("ip -n there addr show dev lo"), Not(HasSubstr("192.0.2.1"))) << "taken back";

    EXPECT_TRUE(realserver("apply --netns there").ok());
    EXPECT_THAT(host().must("ip -n there link show dev lo"), HasSubstr("xdp"));
    EXPECT_EQ(realserver("plan --netns there").out, "nothing to change\n");
    const Output unseen = host().run("ip netns exec there " CULVERT_REALSERVER " plan -c /run/realserver.yaml");
    EXPECT_THAT(unseen.err, AllOf(HasSubstr("use --netns NAME"), Not(HasSubstr("detach")))) << unseen;
    EXPECT_TRUE(realserver("teardown --netns there").ok());
    EXPECT_THAT(host().must("ip -n there link show dev lo"), Not(HasSubstr("xdp")));
}

TEST_F(NetnsExec, WithoutXdpItIsTheSame) {
    configure(without_modules.yaml);
    host().must("ip -n there link set lo up");
    host().must("ip netns exec there " CULVERT_REALSERVER " apply -c /run/realserver.yaml");
    EXPECT_EQ(realserver("plan --netns there").out, "nothing to change\n");
    host().must("ip netns exec there " CULVERT_REALSERVER " teardown -c /run/realserver.yaml");
    EXPECT_EQ(realserver("plan --netns there").status, 3);
}

TEST_F(NetnsExec, LbdRefusesToo) {
    host().write("/run/lbd.yaml",
                 "interfaces: [lo]\nservices:\n  - {name: web, vip: 192.0.2.1, ports: [80/tcp], "
                 "encap: {type: ipip}, backends: [{address: 10.0.0.1}]}\n");
    for (const char* command : {"run -c /run/lbd.yaml", "stop --detach"}) {
        const Output refused = host().run(fmt::format("ip netns exec there {} {}", CULVERT_LBD, command));
        EXPECT_EQ(refused.status, 1) << command;
        EXPECT_THAT(refused.err, HasSubstr("use --netns NAME instead of ip netns exec NAME")) << refused;
    }
}

}  // namespace
}  // namespace culvert::netns
