// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "bpf/abi.h"
#include "netlink/address.hpp"

namespace culvert::lbd {

/// The key of a client's flow. Ports in host order.
struct FlowTuple {
    netlink::IpAddress client;
    netlink::IpAddress vip;  ///< of the same family
    std::uint16_t client_port = 0;
    std::uint16_t port = 0;
    std::uint8_t protocol = 0;  ///< IANA number
};

/// The secret key of the program's flow hash. The program writes parts of that hash into outer headers. Only a
/// host that has seen a packet knows these parts.
class FlowKey {
  public:
    FlowKey() = default;
    explicit FlowKey(const lb_config& config);

    /// The same hash as in bpf/flow.h.
    [[nodiscard]] std::uint64_t hash(const FlowTuple& flow) const;

    /// The source port of outer UDP headers, and the flow label of outer IPv6 headers; the same as in bpf/encap.h.
    [[nodiscard]] static std::uint16_t source_port(std::uint64_t hash) {
        return static_cast<std::uint16_t>(0xc000U | hash >> 48);
    }
    [[nodiscard]] static std::uint32_t flow_label(std::uint64_t hash) {
        return static_cast<std::uint32_t>(hash & 0xfffff);
    }

    /// The identification of all outer IPv4 headers from `source` to `backend`; never 0. These are never fragmented, so
    /// receivers ignore it (RFC 6864, section 4.1); but every router quotes it.
    [[nodiscard]] std::uint16_t identification(const netlink::IpAddress& source,
                                               const netlink::IpAddress& backend) const;

  private:
    std::array<std::uint32_t, 10> words_{};
    std::uint64_t final_ = 0;
};

}  // namespace culvert::lbd
