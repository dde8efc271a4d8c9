// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/packet/balancer.hpp"
#include "tests/packet/paths.hpp"

namespace culvert::packet {
namespace {

/// If CULVERT_PACKETS requests few packets, one value in seven: the fields of headers are the same on every kernel.
unsigned step() { return std::getenv("CULVERT_PACKETS") == nullptr ? 1 : 7; }

class EveryPath : public BalancerTest, public testing::WithParamInterface<Path> {
  protected:
    /// Sends the frame and compares the result with the expected one. Padding of a frame is forwarded.
    static void expect_forwarded(Balancer& balancer, const Sent& sent, std::size_t padding = 0) {
        const Outcome outcome = balancer.receive(sent_frame(GetParam(), sent) / Padding{padding});
        ASSERT_EQ(outcome.fate, "tx");
        const Packet expected = forwarded_frame(GetParam(), sent, entropy_of(GetParam(), outcome.frame));
        ASSERT_TRUE(same(expected / Padding{padding}, outcome.frame));
    }
};

INSTANTIATE_TEST_SUITE_P(Matrix, EveryPath, testing::ValuesIn(all_paths()),
                         [](const auto& path) { return name(path.param); });

TEST_P(EveryPath, CarriesPayloadsOfAnySize) {
    Balancer& balancer = shared();
    install(balancer, GetParam());
    for (std::size_t size = 0; size <= 1400; size += size < 256 ? step() : 13) {
        SCOPED_TRACE("payload of " + std::to_string(size));
        ASSERT_NO_FATAL_FAILURE(expect_forwarded(balancer, {.data = payload(size)}));
    }
}

TEST_P(EveryPath, DoesNotCountEthernetPadding) {
    Balancer& balancer = shared();
    install(balancer, GetParam());
    for (const std::size_t size : {0, 1, 2, 3, 17, 100})
        for (const std::size_t padding : {1, 2, 5, 6, 18, 46}) {
            SCOPED_TRACE("payload of " + std::to_string(size) + ", padding of " + std::to_string(padding));
            ASSERT_NO_FATAL_FAILURE(expect_forwarded(balancer, {.data = payload(size)}, padding));
        }
}

TEST_P(EveryPath, CopiesEveryTypeOfServiceAndEcn) {
    Balancer& balancer = shared();
    install(balancer, GetParam());
    for (unsigned tos = 0; tos < 256; tos += step()) {
        SCOPED_TRACE("TOS " + std::to_string(tos));
        ASSERT_NO_FATAL_FAILURE(
            expect_forwarded(balancer, {.tos = static_cast<std::uint8_t>(tos), .data = payload(9)}));
    }
}

TEST_P(EveryPath, TakesOneFromEveryTtl) {
    Balancer& balancer = shared();
    install(balancer, GetParam());
    for (unsigned ttl = 2; ttl < 256; ttl += step()) {
        SCOPED_TRACE("TTL " + std::to_string(ttl));
        ASSERT_NO_FATAL_FAILURE(
            expect_forwarded(balancer, {.ttl = static_cast<std::uint8_t>(ttl), .data = payload(8)}));
    }
}

}  // namespace
}  // namespace culvert::packet
