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

/// Whom the probes of a destination go to and come from on the wire.
struct ProbeTarget {
    netlink::IpAddress vip;
    netlink::IpAddress own;  ///< the balancer's, of the VIP's family
    bool operator==(const ProbeTarget&) const = default;
};

/// By destination id.
using ProbeTargets = std::map<std::uint32_t, ProbeTarget>;

/// Packets of one destination's probes that lbd itself has sent.
struct ProbeTraffic {
    std::uint64_t out = 0;
    std::uint64_t in = 0;
    bool operator==(const ProbeTraffic&) const = default;
};

/// Between the checker's own network (probe_address.hpp) and the wire: network address and port translation (RFC 3022).
/// As all backends of a service have one address on the wire, ports tell their probes apart. Each queue
/// (enum probe_queue) has ports of its own; when all are taken, the one that was silent the longest stands for another
/// session.
class Translator {
  public:
    void set_targets(ProbeTargets targets) { targets_ = std::move(targets); }

    /// A packet that this host sends to an address of the checker's network becomes one from the balancer to a VIP.
    /// Returns the destination's id; nothing, and the packet stays as it is, if it is none that can be sent.
    [[nodiscard]] std::optional<std::uint32_t> outward(std::span<std::uint8_t> packet, probe_queue queue);

    /// An answer from a VIP becomes one to this host. False if it answers nothing.
    [[nodiscard]] bool inward(std::span<std::uint8_t> packet);

    [[nodiscard]] ProbeTraffic traffic(std::uint32_t dest) const;

  private:
    /// What a port on the wire stands for.
    struct Session {
        std::uint32_t dest = 0;
        netlink::IpAddress address;  ///< of this host
        std::uint16_t port = 0;
        std::uint16_t vip_port = 0;
        auto operator<=>(const Session&) const = default;
    };
    /// The sessions of one family, protocol and queue.
    struct Sessions {
        using Order = std::list<std::uint16_t>;
        struct Port {
            std::optional<Session> session;  ///< none: free
            Order::iterator place;
        };

        std::map<Session, std::uint16_t> ports;
        std::vector<Port> by_port;  ///< from the queue's first one on
        Order free;                 ///< the one that has been for the longest first; at first by chance
        Order used;                 ///< the one that was silent for the longest first

        /// A free port, or the one that was silent for the longest. `first`: the queue's first port.
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
