// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>

#include <tl/expected.hpp>

#include "lbd/model/hops.hpp"
#include "lbd/model/services.hpp"
#include "lbd/path_mtu/flow_key.hpp"
#include "lbd/path_mtu/quotation.hpp"

namespace culvert::lbd {

/// Why a quoted packet can't be one that lbd has sent (RFC 5927 section 7, RFC 8201 section 5.1).
enum class Doubt : std::uint8_t {
    destination,    ///< no backend
    unreachable,    ///< a backend that nothing is sent to at present
    on_link,        ///< no router is between
    source,         ///< not the address that lbd sends from
    length,         ///< it fits, or wouldn't have left the balancer
    header,         ///< IPv4: identification or flags; IPv6: flow label
    encapsulation,  ///< no service sends the backend packets with such headers
    too_short,      ///< IPv6: routers quote more (RFC 4443, section 3.2)
    inner,          ///< what is inside is for no service that has the backend
    flow,           ///< the UDP source port is not that of the flow inside
    too_many,       ///< others that were wrong have come, of the kind that can be guessed
};

/// What speaks for a quoted packet, beyond what is no secret.
enum class Proof : std::uint8_t {
    identification,  ///< of the outer IPv4 header: 16 bits, the same for all packets to a backend
    flow,            ///< the UDP source port (14 bits) or the flow label (20), which belong to the quoted flow
};

/// What packets there are from the balancer to each backend.
class Sent {
  public:
    /// A service stands for itself: as often as it is added, it has to be removed.
    void add(const Services::Shared& service);
    void remove(const Services::Shared& service);

    /// By the backend, what it is sent: in which encapsulation, packets of which family inside, of which services.
    struct Kind {
        Encap encap;
        Family inner = Family::ipv4;
        auto operator<=>(const Kind&) const = default;
    };
    using Kinds = std::map<Kind, std::multiset<Services::Shared>>;
    using Backends = std::map<IpAddress, Kinds>;
    [[nodiscard]] const Backends& backends() const { return backends_; }

    /// Whether a quoted packet is like those that are sent to its destination, a backend, by this hop. As much of it is
    /// compared as is quoted: outer headers byte by byte, then the client's packet, whose flow tells the entropy in
    /// front of it.
    [[nodiscard]] tl::expected<Proof, Doubt> check(const Quotation& quotation, const NextHop& hop,
                                                   const FlowKey& key) const;

  private:
    Backends backends_;
};

}  // namespace culvert::lbd
