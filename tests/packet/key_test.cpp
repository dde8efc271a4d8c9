// SPDX-License-Identifier: Apache-2.0
//
// Which slot a flow has comes from the cluster's key alone, whichever balancer the packet meets.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "lbd/key/derive.hpp"
#include "tests/packet/flows.hpp"

namespace culvert::packet {
namespace {

class ClusterKeys : public BalancerTest {};

lb_config keyed(std::uint8_t first_byte) {
    lbd::ClusterKey key;
    key.bytes.front() = first_byte;
    lb_config config = all_on();
    if (const auto set = lbd::set_hash_key(config, key); !set) throw std::runtime_error(set.error().message());
    return config;
}

/// Each of its slots has a backend of its own.
class SlotBalancer : public FlowBalancer {
  public:
    static constexpr std::uint16_t slots = 101;

    explicit SlotBalancer(const lb_config& config) : FlowBalancer({1}, config, 4096) {
        std::vector<std::uint16_t> ring(slots);
        std::iota(ring.begin(), ring.end(), std::uint16_t{1});
        for (const std::uint16_t id : ring) set_dest(id, backend(static_cast<std::uint8_t>(id)));
        for (const char* vip : {"192.0.2.1", "2001:db8::1"}) {
            serve(vip, lbd::Protocol::tcp, 80, ring);
            serve(vip, lbd::Protocol::udp, 53, ring);
            serve(vip, lbd::Protocol::sctp, 9899, ring);
        }
    }
};

/// The packets of one flow.
struct Sample {
    std::string kind;
    std::vector<Bytes> frames;
};

Sample random_sample(std::mt19937& random) {
    const auto below = [&](unsigned limit) { return random() % limit; };
    const auto port = static_cast<std::uint16_t>(1024 + below(60'000));
    const auto id = static_cast<std::uint16_t>(1 + below(60'000));
    const bool v4 = below(2) == 0;
    const std::string client =
        v4 ? fmt::format("198.51.{}.{}", below(256), 1 + below(254))
           : fmt::format("2001:db8:{:x}:{:x}::{:x}", below(65'536), below(65'536), below(65'536));
    const std::string router = v4 ? "203.0.113.9" : "2001:db8:f::1";
    const auto from = [&](const std::string& source) {
        return Ethernet() / (v4 ? Packet(IPv4{.source = source}) : Packet(IPv6{.source = source}));
    };
    const auto error_about = [&](const Packet& sent) {
        const Packet answer = (v4 ? Packet(IPv4{.source = "192.0.2.1", .destination = client})
                                  : Packet(IPv6{.source = "2001:db8::1", .destination = client})) /
                              sent;
        return (from(router) / (v4 ? Packet(Icmp{.type = 11}) : Packet(Icmp6{.type = 3})) / Payload{answer.bytes()})
            .bytes();
    };
    const std::string family = v4 ? "ipv4 " : "ipv6 ";
    switch (below(5)) {
        case 0:
            return {family + "tcp",
                    {(from(client) / TCP{.source = port, .flags = syn}).bytes(),
                     (from(client) / TCP{.source = port}).bytes()}};
        case 1:
            return {family + "udp", {(from(client) / UDP{.source = port}).bytes()}};
        case 2:
            return {family + "sctp", {(from(client) / SCTP{.source = port} / payload(4)).bytes()}};
        case 3:
            return {family + "icmp",
                    {error_about(TCP{.source = 80, .destination = port}),
                     (from(client) / TCP{.source = port, .flags = syn}).bytes()}};
        default:
            break;
    }
    const Packet data = UDP{.source = port, .length = 2000} / payload(1000);
    if (v4)
        return {
            family + "fragments",
            {(Ethernet() / IPv4{.source = client, .id = id, .fragment = 0x2000} / data).bytes(),
             (Ethernet() / IPv4{.source = client, .id = id, .fragment = 126, .protocol = 17} / payload(500)).bytes()}};
    const auto high = static_cast<std::uint8_t>(id >> 8), low = static_cast<std::uint8_t>(id);
    return {family + "fragments",
            {(Ethernet() / IPv6{.source = client} / Extension{44, {0, 1, 0, 0, high, low}} / data).bytes(),
             (Ethernet() / IPv6{.source = client, .next_header = 44} / Payload{{17, 0, 3, 0xf0, 0, 0, high, low}} /
              payload(500))
                 .bytes()}};
}

TEST_F(ClusterKeys, GiveEveryFlowTheSameSlotOnEachBalancer) {
    constexpr int flows = 10'000;
    SlotBalancer first(keyed(1)), second(keyed(1)), third(keyed(1)), other(keyed(2));
    std::mt19937 random(20'260'101);  // NOLINT(cert-msc51-cpp): the same flows each time
    std::map<std::string, int> kinds;
    std::set<std::string> all;
    int same_with_other = 0;
    for (int i = 0; i < flows; ++i) {
        const Sample sample = random_sample(random);
        SCOPED_TRACE(fmt::format("flow {}, {}", i, sample.kind));
        ++kinds[sample.kind];
        const std::string backend = receiver(first.receive(sample.frames.front()));
        ASSERT_TRUE(backend.starts_with("backend ")) << backend;
        all.insert(backend);
        for (SlotBalancer* balancer : {&first, &second, &third})
            for (const Bytes& frame : sample.frames) ASSERT_EQ(receiver(balancer->receive(frame)), backend);
        same_with_other += receiver(other.receive(sample.frames.front())) == backend ? 1 : 0;
    }
    EXPECT_EQ(kinds.size(), 10U);
    for (const auto& [kind, count] : kinds) EXPECT_GT(count, 900) << kind;
    EXPECT_EQ(all.size(), std::size_t{SlotBalancer::slots});
    EXPECT_LT(same_with_other, 2 * flows / SlotBalancer::slots) << "another key makes other slots";
}

}  // namespace
}  // namespace culvert::packet
