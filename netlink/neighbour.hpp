// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "netlink/address.hpp"
#include "netlink/attributes.hpp"
#include "netlink/result.hpp"
#include "netlink/socket.hpp"

namespace culvert::netlink {

/// An entry of the ARP or neighbour-discovery table.
struct Neighbour {
    IpAddress address;
    std::uint32_t link = 0;  ///< index
    std::optional<MacAddress> mac;
    std::uint16_t state = 0;  ///< NUD_* of linux/neighbour.h
    std::uint8_t flags = 0;   ///< NTF_*
    bool managed = false;     ///< the kernel keeps it resolved (NTF_EXT_MANAGED)

    bool operator==(const Neighbour&) const = default;

    /// Whether `mac` may be written into a packet: it is known, and no failure is known.
    [[nodiscard]] bool is_usable() const;
};

/// From one RTM_NEWNEIGH or RTM_DELNEIGH message; nothing if it is malformed or neither IPv4 nor IPv6 (a bridge's).
[[nodiscard]] std::optional<Neighbour> decode_neighbour(Bytes message);

/// The neighbours in the namespace that `route` (NETLINK_ROUTE, must outlive this) was opened in.
class Neighbours {
  public:
    explicit Neighbours(Socket& route) : socket_(&route) {}

    struct Filter {
        std::optional<Family> family;
        std::uint32_t link = 0;  ///< index; 0: all
        bool proxies = false;    ///< instead: addresses that a link answers for (`ip neigh show proxy`)
    };
    [[nodiscard]] Result<std::vector<Neighbour>> dump(const Filter& filter);
    [[nodiscard]] Result<std::vector<Neighbour>> dump() { return dump(Filter{}); }
    /// Makes the kernel resolve the address, and again whenever the entry becomes stale. Since kernel 5.16.
    [[nodiscard]] Result<> manage(std::uint32_t link, const IpAddress& address);
    /// ENOENT if there is none.
    [[nodiscard]] Result<> remove(std::uint32_t link, const IpAddress& address);

  private:
    Socket* socket_;
};

}  // namespace culvert::netlink
