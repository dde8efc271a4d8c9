// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "netlink/address.hpp"
#include "netlink/attributes.hpp"
#include "netlink/result.hpp"
#include "netlink/socket.hpp"

namespace culvert::netlink {

/// An address of an interface.
struct InterfaceAddress {
    Prefix prefix;                  ///< the local address with its host bits, and the prefix length
    std::optional<IpAddress> peer;  ///< the peer of a point-to-point link
    std::uint32_t link = 0;         ///< index
    std::uint8_t scope = 0;         ///< RT_SCOPE_* of linux/rtnetlink.h; the kernel derives IPv6's from the address
    std::uint32_t flags = 0;        ///< IFA_F_* of linux/if_addr.h
    std::string label;              ///< IPv4 only; the kernel's default is the link's name
    std::uint8_t protocol = 0;      ///< who added it (IFA_PROTO, since kernel 5.18); 0: unknown

    bool operator==(const InterfaceAddress&) const = default;
};

/// From one RTM_NEWADDR or RTM_DELADDR message; nothing if it is malformed or neither IPv4 nor IPv6.
[[nodiscard]] std::optional<InterfaceAddress> decode_interface_address(Bytes message);

/// The addresses of all links of the namespace that `route` (NETLINK_ROUTE, must outlive this) was opened in.
class InterfaceAddresses {
  public:
    explicit InterfaceAddresses(Socket& route) : socket_(&route) {}

    struct Filter {
        std::optional<Family> family;
        std::uint32_t link = 0;  ///< index; 0: all
    };
    [[nodiscard]] Result<std::vector<InterfaceAddress>> dump(const Filter& filter);
    [[nodiscard]] Result<std::vector<InterfaceAddress>> dump() { return dump(Filter{}); }
    /// EEXIST if the link has it. Flags such as IFA_F_NODAD and IFA_F_NOPREFIXROUTE are requests. IFA_F_DEPRECATED
    /// requests a preferred lifetime of 0: the kernel doesn't select the address as a source by itself.
    [[nodiscard]] Result<> add(const InterfaceAddress& address);
    /// The request of add(), for sending many at once.
    [[nodiscard]] static Request addition(const InterfaceAddress& address);
    /// EADDRNOTAVAIL if the link doesn't have it.
    [[nodiscard]] static Request removal(const InterfaceAddress& address);

  private:
    Socket* socket_;
};

}  // namespace culvert::netlink
