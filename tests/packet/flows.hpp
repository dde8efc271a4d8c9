// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "tests/packet/balancer.hpp"
#include "tests/packet/packet.hpp"

/// The flow table for tests. Written from the drawing in bpf/abi.h, without its constants.
namespace culvert::packet {

struct Entry {
    std::uint32_t tag = 0;   ///< 28 bits
    std::uint32_t dest = 0;  ///< 20 bits
    std::uint16_t time = 0;  ///< 12 bits
    bool seen = false;
    bool closing = false;
    unsigned age = 0;  ///< 2 bits
    bool operator==(const Entry&) const = default;

    [[nodiscard]] std::uint64_t word() const;
    [[nodiscard]] static Entry from(std::uint64_t word);
};
void PrintTo(const Entry& entry, std::ostream* out);

using Entries = std::array<Entry, 8>;
[[nodiscard]] Entries entries(const Balancer& balancer, std::uint32_t bucket = 0);
void set_entries(Balancer& balancer, const Entries& entries, std::uint32_t bucket = 0);
/// The number of entries that are not empty.
[[nodiscard]] std::size_t used(const Entries& entries);

/// A hash key under which all TCP packets to the IPv4 VIP have this hash, from any sender.
[[nodiscard]] lb_config with_hash(std::uint64_t hash);

/// Destinations that forward frames without encapsulation, each to its own MAC address.
[[nodiscard]] lb_dest_body backend(std::uint8_t number);
/// "backend 2", or the packet's other fate.
[[nodiscard]] std::string receiver(const Outcome& outcome);

/// From the client's port to the IPv4 VIP, TCP port 80.
[[nodiscard]] Packet segment(std::uint16_t port, unsigned flags);

/// A balancer with backends 1 to 3; those in `ring` get new flows.
class FlowBalancer : public Balancer {
  public:
    explicit FlowBalancer(const std::vector<std::uint16_t>& ring = {1}, const lb_config& config = all_on(),
                          std::uint32_t buckets = 1);
    void set_ring(const std::vector<std::uint16_t>& ring) { serve("192.0.2.1", lbd::Protocol::tcp, 80, ring); }
    std::string send(const Packet& packet) { return receiver(receive(packet)); }
};

}  // namespace culvert::packet
