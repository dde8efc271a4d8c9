// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "lbd/render/realserver.hpp"
#include "tests/unit/lbd/address.hpp"

namespace culvert::lbd {
namespace {

using Addresses = std::vector<IpAddress>;

const IpAddress balancer4 = address("10.0.0.2"), balancer6 = address("fd00::2");
const IpAddress backend4 = address("10.0.0.3"), backend6 = address("fd00::3");

Service service(const Vip& vip, const IpAddress& backend, const Encap& encap) {
    return {.name = vip.to_string(),
            .vip = vip,
            .ports = {{Protocol::tcp, 80}},
            .backends = {{.name = "theirs", .address = address("10.0.0.9"), .encap = Ipip{}},
                         {.name = "ours", .address = backend, .encap = encap}}};
}

std::string rendered(const std::vector<Service>& services, const Addresses& backends = {backend4},
                     const Addresses& balancers = {balancer4}) {
    return render_realserver(services, backends, balancers).value();
}

const IpAddress vip4 = address("192.0.2.1"), vip6 = address("2001:db8::1");

std::string receive(const Vip& vip, const Encap& encap) {
    const std::string text = rendered({service(vip, backend4, encap)});
    return text.substr(text.find("  - ") + 4);
}

TEST(RenderRealserver, EveryEncapsulation) {
    EXPECT_EQ(receive(vip4, L2{}), "{encap: l2}\n");
    EXPECT_EQ(receive(vip4, Ipip{}), "{encap: ipip}\n");
    EXPECT_EQ(receive(vip6, Gre{}), "{encap: gre}\n");
    EXPECT_EQ(receive(vip4, Fou{.port = 5004}), "{encap: fou, port: 5004, inner: ipv4}\n");
    EXPECT_EQ(receive(vip6, Fou{.port = 5006}), "{encap: fou, port: 5006, inner: ipv6}\n");
    EXPECT_EQ(receive(vip6, Fou{.port = 5047, .gre = true}), "{encap: fou, port: 5047, inner: gre}\n");
    EXPECT_EQ(receive(vip4, Gue{.port = 5080, .variant = 1}), "{encap: gue, port: 5080}\n");
    EXPECT_EQ(receive(vip4, Gue{.port = 5080, .gre = true}), "{encap: gue, port: 5080, inner: gre}\n");
    EXPECT_EQ(receive(vip4, Geneve{.vni = 666}), "{encap: geneve, vni: 666}\n");
    EXPECT_EQ(receive(vip4, Geneve{.vni = 666, .port = 6082}), "{encap: geneve, vni: 666, port: 6082}\n");
    EXPECT_EQ(receive(vip4, L3dsr{.dscp = 2}), "{encap: l3dsr, dscp: 2, vip: 192.0.2.1}\n");
    EXPECT_EQ(receive(vip6, L3dsr{.dscp = 2}), "{encap: l3dsr, dscp: 2, vip: \"2001:db8::1\"}\n");
}

TEST(RenderRealserver, OnlyTheVipsOfTheBackend) {
    const Vip network = *netlink::Prefix::parse("198.51.100.0/28");
    EXPECT_EQ(rendered({service(vip4, backend4, Ipip{}), service(vip6, address("10.0.0.8"), Ipip{}),
                        service(network, backend4, Ipip{})}),
              "balancers: [10.0.0.2]\nvips: [192.0.2.1, 198.51.100.0/28]\nreceive:\n  - {encap: ipip}\n");
}

TEST(RenderRealserver, OneElementCarriesBothFamilies) {
    EXPECT_EQ(rendered({service(vip4, backend4, Gue{.port = 5080}), service(vip6, backend4, Gue{.port = 5080})}),
              "balancers: [10.0.0.2]\nvips: [192.0.2.1, \"2001:db8::1\"]\nreceive:\n  - {encap: gue, port: 5080}\n");
}

TEST(RenderRealserver, NothingIsOpenedThatIsNotUsed) {
    EXPECT_EQ(rendered({service(vip4, backend4, Gre{}), service(vip6, backend6, Gre{})}, {backend4, backend6},
                       {balancer4, balancer6}),
              "balancers: [10.0.0.2, \"fd00::2\"]\nvips: [192.0.2.1, \"2001:db8::1\"]\nreceive:\n"
              "  - {encap: gre, inner: ipv4, family: ipv4}\n"
              "  - {encap: gre, inner: ipv6, family: ipv6}\n");
    EXPECT_EQ(
        rendered({service(vip4, backend4, Gre{}), service(vip6, backend4, Ipip{})}, {backend4}, {balancer4, balancer6}),
        "balancers: [10.0.0.2, \"fd00::2\"]\nvips: [192.0.2.1, \"2001:db8::1\"]\nreceive:\n"
        "  - {encap: gre, inner: ipv4, family: ipv4}\n"
        "  - {encap: ipip, inner: ipv6, family: ipv4}\n");
}

TEST(RenderRealserver, WhatCannotBe) {
    EXPECT_EQ(render_realserver({service(vip4, backend4, Gre{})}, {backend6}, {balancer4}).error(),
              "no service has a backend fd00::3");
    EXPECT_EQ(render_realserver({service(vip4, backend6, Gre{})}, {backend6}, {balancer4}).error(),
              "no IPv6 address of a balancer is known for the tunnel to backend fd00::3");
}

}  // namespace
}  // namespace culvert::lbd
