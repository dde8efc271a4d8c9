// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>

#include "tests/packet/balancer.hpp"
#include "tests/packet/flows.hpp"
#include "tests/packet/paths.hpp"

namespace culvert::packet {
namespace {

struct Switch {
    const char* name;
    std::uint8_t lb_config::*field;
};
constexpr std::array switches{
    Switch{"ipv4", &lb_config::ipv4},
    Switch{"ipv6", &lb_config::ipv6},
    Switch{"all_ports", &lb_config::all_ports},
    Switch{"l3dsr", &lb_config::l3dsr},
    Switch{"l2", &lb_config::l2},
    Switch{"encap", &lb_config::encap},
    Switch{"redirect", &lb_config::redirect},
};

lb_config with_switches(unsigned set) {
    lb_config config = all_on();
    for (std::size_t i = 0; i < switches.size(); ++i) config.*switches.at(i).field = set >> i & 1;
    return config;
}

template <typename... Fields>
lb_config with_only(Fields... fields) {
    lb_config config = with_switches(0);
    ((config.*fields = 1), ...);
    return config;
}

class Switches : public BalancerTest {};

// The kernel's limit is a million; this leaves room for other kernels' verifiers. That of 6.1 walks 88,000, that of 6.18
// 76,000.
TEST_F(Switches, LoadInEverySetWithinTheVerifiersBudget) {
    for (unsigned set = 0; set < 1U << switches.size(); ++set) {
        std::string names;
        for (std::size_t i = 0; i < switches.size(); ++i)
            if (set >> i & 1) names += std::string(names.empty() ? "" : "+") + switches.at(i).name;
        SCOPED_TRACE(names);
        const std::uint32_t instructions = Balancer(with_switches(set)).verified_instructions();
        EXPECT_LT(instructions, 100'000U);
        RecordProperty(names.empty() ? "none" : names, std::to_string(instructions));
    }
    lb_config config = all_on();
    config.latency = 0;
    EXPECT_LT(Balancer(config).verified_instructions(), 100'000U);
}

TEST_F(Switches, ThatAreAllOffLetEverythingPass) {
    FlowBalancer balancer({1}, with_switches(0));
    EXPECT_EQ(balancer.send(segment(1000, ack)), "pass");
    EXPECT_EQ(balancer.send(Ethernet() / IPv4{.ttl = 0} / TCP()), "pass");
    EXPECT_EQ(balancer.send(Ethernet() / IPv6() / TCP()), "pass");
}

TEST_F(Switches, OfAFamilyLetTheOtherPass) {
    for (const bool v4 : {true, false}) {
        FlowBalancer balancer({1}, with_only(v4 ? &lb_config::ipv4 : &lb_config::ipv6, &lb_config::l2));
        balancer.serve("2001:db8::1", Protocol::tcp, 80, {1});
        EXPECT_EQ(balancer.send(Ethernet() / IPv4() / TCP()), v4 ? "backend 1" : "pass");
        EXPECT_EQ(balancer.send(Ethernet() / IPv6() / TCP()), v4 ? "pass" : "backend 1");
    }
}

TEST_F(Switches, ForWhatAPathNeedsSuffice) {
    const auto family_switch = [](const Path& path) {
        return path.inner == Family::ipv4 ? &lb_config::ipv4 : &lb_config::ipv6;
    };
    const auto kind_switch = [](const Path& path) {
        if (is_tunnel(path)) return &lb_config::encap;
        return std::holds_alternative<lbd::L2>(path.encap) ? &lb_config::l2 : &lb_config::l3dsr;
    };
    for (const auto family : {&lb_config::ipv4, &lb_config::ipv6})
        for (const auto kind : {&lb_config::l2, &lb_config::l3dsr, &lb_config::encap}) {
            Balancer balancer(with_only(family, kind));
            for (const Path& path : all_paths()) {
                if (family_switch(path) != family || kind_switch(path) != kind) continue;
                SCOPED_TRACE(name(path));
                install(balancer, path);
                const Outcome outcome = balancer.receive(sent_frame(path, {}));
                EXPECT_EQ(outcome.fate, "tx");
                EXPECT_TRUE(same(forwarded_frame(path, {}, entropy_of(path, outcome.frame)), outcome.frame));
            }
        }
}

TEST_F(Switches, WithoutAllPortsSpareThatLookup) {
    FlowBalancer balancer({1}, with_only(&lb_config::ipv4, &lb_config::l2));
    balancer.serve("192.0.2.1", Protocol::tcp, 0, {2});
    EXPECT_EQ(balancer.send(Ethernet() / IPv4() / TCP{.destination = 80}), "backend 1");
    EXPECT_EQ(balancer.send(Ethernet() / IPv4() / TCP{.destination = 81}), "pass");
}

TEST_F(Switches, WithoutRedirectSendByTheInterfaceOfArrival) {
    FlowBalancer balancer({1}, with_only(&lb_config::ipv4, &lb_config::l2));
    lb_dest_body body = backend(1);
    body.ifindex = 7;
    balancer.set_dest(1, body);
    EXPECT_EQ(balancer.send(segment(1000, ack)), "backend 1");
}

}  // namespace
}  // namespace culvert::packet
