// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/packet/feed_abi.h"
#include "lbd/model/config.hpp"
#include "netlink/address.hpp"

/// The parameters of a row of the benchmark.
namespace culvert::bench {

enum class Traffic : std::uint8_t {
    known,  ///< flows that are in the table
    fresh,  ///< each packet is the first of its flow, which is stored
    syn,    ///< each packet is a SYN of another flow, which is not stored
    other,  ///< not for a VIP
};

/// The switches of the balancer's program.
enum class Switches : std::uint8_t {
    all,              ///< on
    all_but_latency,  ///< all but the sampling of latency
    needed,           ///< those that the packets need
};

struct Workload {
    std::string name;
    lbd::Encap encap = lbd::Ipip{};
    netlink::Family inner = netlink::Family::ipv4;
    netlink::Family outer = netlink::Family::ipv4;
    lbd::Protocol protocol = lbd::Protocol::tcp;
    Traffic traffic = Traffic::known;
    std::uint32_t frame = 64;      ///< bytes, Ethernet header included
    std::uint32_t flows = 1;       ///< a power of two, up to 2^24
    std::uint32_t services = 1;    ///< a power of two
    std::uint32_t backends = 100;  ///< of each service
    Switches switches = Switches::all;
    bool moving = false;        ///< all slots are in transition
    std::uint32_t entries = 0;  ///< of the flow table; 0: two for each known flow
    bool whole = false;         ///< packets use all of the flow table, however few entries it has
    bool network = false;       ///< a VIP to which no packet goes is a network
};

/// What the feeder sends.
[[nodiscard]] feed_config feed(const Workload& workload);
/// The first packet, whole.
[[nodiscard]] std::vector<std::uint8_t> frame(const Workload& workload);

/// The VIP of service `index`.
[[nodiscard]] netlink::IpAddress vip(netlink::Family family, std::uint32_t index);
inline constexpr std::uint16_t service_port = 80;

/// Entries of the flow table.
[[nodiscard]] std::uint32_t table_entries(const Workload& workload);

}  // namespace culvert::bench
