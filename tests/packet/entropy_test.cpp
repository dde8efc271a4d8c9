// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>

#include "tests/packet/flows.hpp"
#include "tests/packet/paths.hpp"

namespace culvert::packet {
namespace {

std::vector<Path> tunnels_with_entropy() {
    std::vector<Path> paths;
    for (const Path& path : all_paths())
        if (has_outer_udp(path) || (is_tunnel(path) && path.outer == Family::ipv6)) paths.push_back(path);
    return paths;
}

class Entropic : public BalancerTest, public testing::WithParamInterface<Path> {
  protected:
    void SetUp() override {
        BalancerTest::SetUp();
        if (!IsSkipped()) install(shared(), GetParam());
    }
    static Entropy send(const Sent& sent) {
        return entropy_of(GetParam(), shared().receive(sent_frame(GetParam(), sent)).frame);
    }
};

INSTANTIATE_TEST_SUITE_P(Tunnel, Entropic, testing::ValuesIn(tunnels_with_entropy()),
                         [](const auto& path) { return name(path.param); });

TEST_P(Entropic, IsConstantForAFlow) {
    const Entropy first = send({.tcp_flags = syn});
    for (std::size_t size = 0; size < 50; ++size)
        EXPECT_EQ(send({.tos = static_cast<std::uint8_t>(size),
                        .ttl = static_cast<std::uint8_t>(10 + size),
                        .data = payload(size)}),
                  first);
}

TEST_P(Entropic, VariesOverFlows) {
    constexpr std::size_t flows = 1000;
    std::set<std::uint16_t> ports;
    std::set<std::uint32_t> labels;
    for (std::uint16_t port = 1; port <= flows; ++port) {
        const Entropy entropy = send({.source_port = port});
        ports.insert(entropy.source_port);
        labels.insert(entropy.flow_label);
    }
    // With 2^14 ports, 30 collisions are expected; with 2^20 labels, half a collision.
    if (has_outer_udp(GetParam())) {
        EXPECT_GE(*ports.begin(), 49152);
        EXPECT_GT(ports.size(), flows - 60);
    }
    if (GetParam().outer == Family::ipv6) {
        EXPECT_GT(labels.size(), flows - 5);
    }
}

class EntropyRange : public BalancerTest {};

TEST_F(EntropyRange, ReachesFromTheFirstEphemeralPortToTheLast) {
    const Path path{lbd::Gue{5080}, Family::ipv4, Family::ipv6, Protocol::tcp};
    const auto with = [&](std::uint64_t hash) {
        Balancer balancer(with_hash(hash));
        install(balancer, path);
        return entropy_of(path, balancer.receive(sent_frame(path, {})).frame);
    };
    EXPECT_EQ(with(0), (Entropy{49152, 0}));
    EXPECT_EQ(with(~0ULL), (Entropy{65535, 0xfffff}));
}

}  // namespace
}  // namespace culvert::packet
