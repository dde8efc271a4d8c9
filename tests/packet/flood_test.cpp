// SPDX-License-Identifier: Apache-2.0
//
// A flood of packets that belong to no connection, over live connections, before and after a change of the backends.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "tests/packet/balancer.hpp"
#include "tests/packet/flows.hpp"
#include "tests/packet/reconciled.hpp"

namespace culvert::packet {
namespace {

constexpr std::size_t flood_buckets = 1U << 17;  // 1M entries
constexpr std::uint32_t live = 100'000;
constexpr std::uint32_t sweep_every = 20'000;  // packets

std::uint32_t junk_packets() {
    const char* wanted = std::getenv("CULVERT_JUNK");
    return wanted == nullptr ? 100'000 : static_cast<std::uint32_t>(std::strtoul(wanted, nullptr, 10));
}

lbd::Service flooded_service() {
    lbd::Service service{.name = "web",
                         .vip = *netlink::IpAddress::parse("192.0.2.1"),
                         .ports = {{lbd::Protocol::tcp, 80}},
                         .table_size = 65537,
                         .health = lbd::HealthCheck{},
                         .backends = {}};
    for (int number = 1; number <= 10; ++number) service.backends.push_back(numbered(number));
    return service;
}

class Flooded : public Reconciled {
  public:
    Flooded() : Reconciled({flooded_service()}, flood_buckets) {
        for (std::uint32_t i = 0; i < live; ++i) {
            const int backend = send(clients_.frame(i, syn));
            EXPECT_EQ(send(clients_.frame(i, ack)), backend);
            connections_.push_back(backend);
        }
    }

    /// Random sources; SYNs, and what belongs to a connection that does not exist.
    void flood(std::uint32_t packets) {
        constexpr unsigned kinds[] = {syn, syn, ack, psh | ack, fin | ack, rst};
        for (std::uint32_t i = 0; i < packets; ++i) {
            (void)send(strangers_.frame(static_cast<std::uint32_t>(random_()), kinds[random_() % std::size(kinds)]));
            if (i % sweep_every == 0) sweep();
        }
    }

    /// Each connection sends. Those that are elsewhere now, except of backend `gone`; none of that backend's is there.
    std::size_t lost(int gone = 0) {
        std::size_t lost = 0;
        for (std::uint32_t i = 0; i < live; ++i) {
            const int backend = send(clients_.frame(i, psh | ack));
            lost += connections_[i] == gone ? backend == gone || backend == 0 : backend != connections_[i];
        }
        return lost;
    }
    [[nodiscard]] std::ptrdiff_t of(int backend) const { return std::ranges::count(connections_, backend); }

  private:
    static Clients clients(const char* source) {
        return Clients(Ethernet() / IPv4{.source = source} / TCP{.source = 4000, .flags = ack});
    }
    Clients clients_ = clients("10.0.0.0"), strangers_ = clients("11.0.0.0");
    std::mt19937_64 random_{1};  // NOLINT(cert-msc51-cpp): the same each time
    std::vector<int> connections_;
};

/// A change of the backends between two floods.
struct FloodedChange {
    const char* name;
    void (*make)(lbd::Service& service, lbd::Health& health);
    int gone = 0;
};
void PrintTo(const FloodedChange& change, std::ostream* out) { *out << change.name; }

const FloodedChange changes[] = {
    {"ABackendIsDrained",
     [](auto& service, auto& /*health*/) { service.backends[0].state = lbd::BackendState::drain; }},
    {"ABackendIsAdded", [](auto& service, auto& /*health*/) { service.backends.push_back(numbered(11)); }},
    {"ABackendDies",
     [](auto& /*service*/, auto& health) {
         health[{"web", "1"}] = {.up = false};
     },
     1},
    {"ABackendIsRemovedAndOneAdded",
     [](auto& service, auto& /*health*/) {
         service.backends.erase(service.backends.begin());
         service.backends.push_back(numbered(11));
     },
     1},
};

class Flood : public BalancerTest, public testing::WithParamInterface<FloodedChange> {};

INSTANTIATE_TEST_SUITE_P(OfJunk, Flood, testing::ValuesIn(changes), [](const auto& test) { return test.param.name; });

// CULVERT_JUNK sends more packets: 10 million take some minutes.
TEST_P(Flood, LosesNoConnection) {
    Flooded balancer;
    ASSERT_GT(balancer.of(1), live / 15);
    balancer.flood(junk_packets());
    EXPECT_EQ(balancer.lost(), 0U);
    lbd::Service service = flooded_service();
    lbd::Health health;
    GetParam().make(service, health);
    balancer.change({service}, health);
    ASSERT_FALSE(balancer.image().transitions.empty());
    balancer.flood(200'000);
    EXPECT_EQ(balancer.lost(GetParam().gone), 0U);
    EXPECT_FALSE(balancer.image().transitions.empty()) << "nobody was silent for long";
    RecordProperty("entries", static_cast<int>(balancer.entries()));
}

}  // namespace
}  // namespace culvert::packet
