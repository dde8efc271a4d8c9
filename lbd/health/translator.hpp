// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "bpf/probe_abi.h"
#include "lbd/health/packet.hpp"
#include "netlink/address.hpp"

namespace culvert::lbd {

/// The addresses of a destination's probes on the wire.
struct ProbeTarget {
    netlink::IpAddress vip;
    netlink::IpAddress own;  ///< the balancer's address, of the VIP's family
    bool operator==(const ProbeTarget&) const = default;
};

/// By destination id.
using ProbeTargets = std::map<std::uint32_t, ProbeTarget>;

/// Packets of one destination's probes that lbd itself sends and receives.
struct ProbeTraffic {
    std::uint64_t out = 0;
    std::uint64_t in = 0;
    bool operator==(const ProbeTraffic&) const = default;
};

/// Network address and port translation (RFC 3022) between the checker's network (probe_address.hpp) and the wire. All
/// backends of a service have one address on the wire, so ports distinguish their probes. Each queue (enum probe_queue)
/// has its own ports. When all are in use, a new session takes the port that has been silent longest.
class Translator {
  public:
    void set_targets(ProbeTargets targets) { targets_ = std::move(targets); }

    /// Turns a packet from this host to an address of the checker's network into one from the balancer to a VIP.
    /// Returns the destination id. If that is impossible, returns nothing and leaves the packet unchanged.
    [[nodiscard]] std::optional<std::uint32_t> outward(std::span<std::uint8_t> packet, probe_queue queue);

    /// Turns an answer from a VIP into a packet to this host. False if it answers nothing.
    [[nodiscard]] bool inward(std::span<std::uint8_t> packet);

    [[nodiscard]] ProbeTraffic traffic(std::uint32_t dest) const;

  private:
    /// The session that has a port on the wire.
    struct Session {
        std::uint32_t dest = 0;
        netlink::IpAddress address;  ///< this host's
        std::uint16_t port = 0;
        std::uint16_t vip_port = 0;
        auto operator<=>(const Session&) const = default;
    };
    /// The sessions of one family, protocol and queue.
    struct Sessions {
        using Order = std::list<std::uint16_t>;
        struct Port {
            std::optional<Session> session;  ///< absent: free
            Order::iterator place;
        };

        std::map<Session, std::uint16_t> ports;
        std::vector<Port> by_port;  ///< begins with the queue's first port
        Order free;                 ///< longest free first; at first in random order
        Order used;                 ///< longest silent first

        /// Assigns a free port, or else the one that has been silent longest. `first`: the queue's first port.
        std::uint16_t take(const Session& wanted, std::uint32_t first);
        void touch(std::uint16_t port, std::uint32_t first) {
            used.splice(used.end(), used, by_port[port - first].place);
        }
        void release(std::uint16_t port, std::uint32_t first);
    };
    using Key = std::tuple<netlink::Family, std::uint8_t, probe_queue>;

    [[nodiscard]] Sessions& sessions_of(const Key& key);

    ProbeTargets targets_;
    std::map<Key, Sessions> sessions_;
    std::unordered_map<std::uint32_t, ProbeTraffic> traffic_;
};

}  // namespace culvert::lbd
