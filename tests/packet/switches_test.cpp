// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/switches.hpp"

#include <gtest/gtest.h>

#include "tests/packet/balancer.hpp"
#include "tests/packet/flows.hpp"
#include "tests/packet/paths.hpp"

namespace culvert::packet {
namespace {

template <typename... Fields>
lb_config with_only(Fields... fields) {
    lb_config config = with_switches(0);
    ((config.*fields = 1), ...);
    return config;
}

class Switches : public BalancerTest {};

TEST_F(Switches, ThatAreAllOffLetEverythingPass) {
    FlowBalancer balancer({1}, with_only());
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
