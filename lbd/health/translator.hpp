// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

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

/// Between the checker's own network (probe_address.hpp) and the wire: network address and port translation (RFC 3022).
/// As all backends of a service have one address on the wire, ports tell their probes apart. Times are passed in.
class Translator {
  public:
    using Time = std::chrono::steady_clock::time_point;

    void set_targets(ProbeTargets targets) { targets_ = std::move(targets); }

    /// A packet of this host to an address of the checker's network becomes one from the balancer to a VIP. Returns the
    /// destination's id; nothing, and the packet stays as it is, if it is none that can be sent.
    [[nodiscard]] std::optional<std::uint32_t> outward(std::span<std::uint8_t> packet, Time now);

    /// An answer from a VIP becomes one to this host. False if it answers nothing.
    [[nodiscard]] bool inward(std::span<std::uint8_t> packet, Time now);

  private:
    /// What a port on the wire stands for.
    struct Session {
        std::uint32_t dest = 0;
        std::uint16_t port = 0;  ///< of this host
        std::uint16_t vip_port = 0;
        std::optional<Time> used;  ///< none: free

        [[nodiscard]] std::uint64_t key() const {
            return std::uint64_t{dest} << 32 | std::uint32_t{port} << 16 | vip_port;
        }
    };
    /// The sessions of one family and protocol.
    struct Sessions {
        std::vector<Session> by_port;  ///< from first_port on
        std::unordered_map<std::uint64_t, std::uint16_t> ports;
        std::size_t next = 0;
    };

    [[nodiscard]] std::optional<std::uint16_t> port_for(Sessions& sessions, const Session& wanted, Time now);

    ProbeTargets targets_;
    std::map<std::pair<netlink::Family, std::uint8_t>, Sessions> sessions_;
};

}  // namespace culvert::lbd
