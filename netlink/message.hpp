// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netlink/msg.h>

#include <cstdint>
#include <string_view>

#include "netlink/address.hpp"
#include "netlink/attributes.hpp"
#include "netlink/handle.hpp"

namespace culvert::netlink {

/// A request, written in the order of its bytes:
///
///     Message message(RTM_NEWLINK, NLM_F_CREATE, ifinfomsg{});
///     message.text(IFLA_IFNAME, "tun4").nest(IFLA_LINKINFO, [&](Message& info) { info.text(IFLA_INFO_KIND, "ipip");
///     });
///
/// Integers are given in host order; `be` writes them in network order. If a message exceeds its 4 KiB, Socket refuses
/// it with EMSGSIZE and sends nothing.
class Message {
  public:
    /// `flags`: NLM_F_*; Socket adds NLM_F_REQUEST, NLM_F_ACK and NLM_F_DUMP.
    template <typename Header>
    Message(int type, int flags, const Header& header) : Message(type, flags) {
        append(&header, sizeof header);
    }

    Message& u8(int attribute, std::uint8_t value) { return put(attribute, &value, sizeof value); }
    Message& u16(int attribute, std::uint16_t value) { return put(attribute, &value, sizeof value); }
    Message& u32(int attribute, std::uint32_t value) { return put(attribute, &value, sizeof value); }
    Message& be16(int attribute, std::uint16_t value);
    Message& be32(int attribute, std::uint32_t value);
    /// With its terminating NUL.
    Message& text(int attribute, std::string_view value);
    Message& address(int attribute, const IpAddress& value);
    Message& mac(int attribute, const MacAddress& value);
    /// Any other payload, unchanged.
    Message& put(int attribute, const void* data, std::size_t size);
    Message& flag(int attribute) { return put(attribute, nullptr, 0); }
    /// `body(*this)` writes the attributes inside.
    template <typename Body>
    Message& nest(int attribute, Body&& body) {
        nlattr* const start = open(attribute);
        body(*this);
        close(start);
        return *this;
    }
    /// A fixed header in front of nested attributes (VETH_INFO_PEER has one).
    template <typename Header>
    Message& header(const Header& value) {
        append(&value, sizeof value);
        return *this;
    }

    /// Whether everything so far has fit.
    [[nodiscard]] bool fits() const { return fits_; }
    [[nodiscard]] nlmsghdr& raw() { return *nlmsg_hdr(message_.get()); }
    [[nodiscard]] Bytes bytes() const;

  private:
    Message(int type, int flags);
    void append(const void* data, std::size_t size);
    nlattr* open(int attribute);
    void close(nlattr* start);

    Handle<nl_msg, nlmsg_free> message_;
    bool fits_ = true;
};

}  // namespace culvert::netlink
