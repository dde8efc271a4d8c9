// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lbd/encap/encap.hpp"
#include "netlink/address.hpp"

namespace culvert::lbd {

/// Bytes in network order.
class WireBytes {
  public:
    void u8(unsigned value) { bytes_.push_back(static_cast<std::uint8_t>(value)); }
    void u16(unsigned value) { u8(value >> 8), u8(value & 0xff); }
    void u32(std::uint32_t value) { u16(value >> 16), u16(value & 0xffff); }
    void append(std::span<const std::uint8_t> more) { bytes_.insert(bytes_.end(), more.begin(), more.end()); }
    [[nodiscard]] std::span<const std::uint8_t> view() const { return bytes_; }
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }

  private:
    std::vector<std::uint8_t> bytes_;
};

/// The headers between the outer IP header and the client's packet.
struct Shim {
    std::uint8_t protocol = 0;  ///< of the outer IP header, IANA number
    WireBytes headers;
    bool udp = false;  ///< they begin with a UDP header, of which the program sets source port, length and checksum
    bool udp_checksum = false;
};

/// EtherType in host order, which is also the protocol type of GRE (RFC 2784, section 2.4).
[[nodiscard]] std::uint16_t ethertype(netlink::Family family);

/// `encap` must be a tunnel. `inner` is the family of the client, `outer` that of the backend.
[[nodiscard]] Shim shim_of(const Encap& encap, netlink::Family inner, netlink::Family outer);

/// Bytes that it adds in front of a client's IP packet; 0 if it is not a tunnel.
[[nodiscard]] std::size_t added_by(const Encap& encap, netlink::Family inner, netlink::Family outer);

}  // namespace culvert::lbd
