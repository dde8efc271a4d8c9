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

/// FOU_ENCAP_* of linux/fou.h
enum class FouType : std::uint8_t { fou = 1, gue = 2 };

/// A UDP port on which the kernel decapsulates FOU or GUE. No process owns it, and none can bind it.
struct FouPort {
    Family family = Family::ipv4;  ///< outer
    std::uint16_t port = 0;        ///< host order
    FouType type = FouType::fou;
    std::uint8_t protocol = 0;            ///< FOU: the inner protocol, IPPROTO_*; GUE: 0, as the header has it
    std::optional<IpAddress> local;       ///< only to this address, of `family`
    std::optional<IpAddress> peer;        ///< only from this address; needs `peer_port`
    std::uint16_t peer_port = 0;          ///< host order; 0: any
    std::uint32_t link = 0;               ///< index of the device that packets must arrive at, needs `local`; 0: any
    bool remote_checksum_partial = true;  ///< remote checksum offload may postpone the checksum

    bool operator==(const FouPort&) const = default;

    /// "5080/udp gue ipv4", "5004/udp fou ipv6 to 2001:db8::1"
    [[nodiscard]] std::string to_string() const;
};

/// From one reply to FOU_CMD_GET; nothing if it is malformed.
[[nodiscard]] std::optional<FouPort> decode_fou_port(Bytes message);

/// The FOU and GUE ports of the namespace that `generic` (NETLINK_GENERIC, must outlive this) was opened in. Everything
/// fails with ENOENT and a cure if module fou is not loaded.
class FouPorts {
  public:
    explicit FouPorts(Socket& generic) : socket_(&generic) {}

    [[nodiscard]] Result<std::vector<FouPort>> dump();
    /// EADDRINUSE if the port is in use, by another of these or by a process; EINVAL for a combination of attributes
    /// that is not allowed. IPv6 needs only module fou; fou6 is for tunnel devices that send.
    [[nodiscard]] Result<> add(const FouPort& port);
    [[nodiscard]] Result<> remove(const FouPort& port);

  private:
    [[nodiscard]] Result<int> family(const std::string& operation, const std::string& object);

    Socket* socket_;
};

}  // namespace culvert::netlink
