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

/// Why lbd cannot have sent a quoted packet (RFC 5927 section 7, RFC 8201 section 5.1).
enum class Doubt : std::uint8_t {
    destination,    ///< it is no backend
    unreachable,    ///< the backend is unreachable now
    on_link,        ///< no router is on the path
    source,         ///< it is not the address that lbd sends from
    length,         ///< the packet fits the path, or would not fit the link
    header,         ///< IPv4: identification or flags differ; IPv6: flow label differs
    encapsulation,  ///< no service uses such headers for the backend
    too_short,      ///< IPv6: routers must quote more (RFC 4443, section 3.2)
    inner,          ///< the inner packet is for no service of the backend
    flow,           ///< the UDP source port does not belong to the inner flow
    too_many,       ///< it might be a guess, and too many wrong ones have arrived
};

/// Which secret of lbd the quoted packet contains.
enum class Proof : std::uint8_t {
    identification,  ///< outer IPv4 header: 16 bits, the same for all packets to a backend
    flow_label,      ///< outer IPv6 header: 20 bits, which depend on the quoted flow
    flow,            ///< one of these, and the UDP source port (14 bits), which depends on the quoted flow, too
};

/// The kinds of packets that the balancer sends to each backend.
class Sent {
  public:
    /// Each service that was added must be removed as often as it was added.
    void add(const Services::Shared& service);
    void remove(const Services::Shared& service);

    /// Encapsulation, and family of the inner packet. A backend may have several kinds, each of several services.
    struct Kind {
        Encap encap;
        Family inner = Family::ipv4;
        auto operator<=>(const Kind&) const = default;
    };
    using Kinds = std::map<Kind, std::multiset<Services::Shared>>;
    using Backends = std::map<IpAddress, Kinds>;
    [[nodiscard]] const Backends& backends() const { return backends_; }

    /// Whether a quoted packet can be one that the balancer sent to its destination, a backend, by this next hop. All
    /// quoted bytes are compared: first the outer headers, then the client's packet, whose flow determines source port
    /// or flow label of the outer headers.
    [[nodiscard]] tl::expected<Proof, Doubt> check(const Quotation& quotation, const NextHop& hop,
                                                   const FlowKey& key) const;

  private:
    Backends backends_;
};

}  // namespace culvert::lbd
