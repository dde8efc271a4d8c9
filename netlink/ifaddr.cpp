// SPDX-License-Identifier: Apache-2.0
#include "netlink/ifaddr.hpp"

#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

namespace culvert::netlink {

namespace {

constexpr std::uint32_t forever = 0xffffffff;  // INFINITY_LIFE_TIME of the kernel's net/addrconf.h

Message address_message(int type, int flags, const InterfaceAddress& address) {
    const IpAddress& local = address.prefix.address;
    Message message(type, flags,
                    ifaddrmsg{.ifa_family = static_cast<std::uint8_t>(af(local.family())),
                              .ifa_prefixlen = address.prefix.length,
                              .ifa_flags = static_cast<std::uint8_t>(address.flags),
                              .ifa_scope = address.scope,
                              .ifa_index = address.link});
    message.address(IFA_LOCAL, local).address(IFA_ADDRESS, address.peer.value_or(local));
    if (address.flags != 0) message.u32(IFA_FLAGS, address.flags);
    if (!address.label.empty()) message.text(IFA_LABEL, address.label);
    if (address.protocol != 0) message.u8(IFA_PROTO, address.protocol);
    if ((address.flags & IFA_F_DEPRECATED) != 0) {
        const ifa_cacheinfo lifetimes{.ifa_prefered = 0, .ifa_valid = forever};
        message.put(IFA_CACHEINFO, &lifetimes, sizeof lifetimes);
    }
    return message;
}

std::string describe(const InterfaceAddress& address) {
    return fmt::format("{} of link {}", address.prefix.to_string(), address.link);
}

}  // namespace

std::optional<InterfaceAddress> decode_interface_address(Bytes message) {
    const auto parsed = parse<ifaddrmsg>(message);
    if (!parsed) return std::nullopt;
    const auto& [envelope, header, attributes] = *parsed;
    if (envelope.nlmsg_type != RTM_NEWADDR && envelope.nlmsg_type != RTM_DELADDR) return std::nullopt;

    // IFA_ADDRESS is the peer if IFA_LOCAL is present and differs, else the address itself.
    const auto address = attributes.address(IFA_ADDRESS);
    const auto local = attributes.flag(IFA_LOCAL) ? attributes.address(IFA_LOCAL) : address;
    if (!local || family_from_af(header.ifa_family) != local->family()) return std::nullopt;
    if (header.ifa_prefixlen > local->bits()) return std::nullopt;
    return InterfaceAddress{
        .prefix = {*local, header.ifa_prefixlen},
        .peer = address != local ? address : std::nullopt,
        .link = header.ifa_index,
        .scope = header.ifa_scope,
        .flags = attributes.u32(IFA_FLAGS).value_or(header.ifa_flags),
        .label = attributes.text(IFA_LABEL),
        .protocol = attributes.u8(IFA_PROTO).value_or(0),
    };
}

Result<std::vector<InterfaceAddress>> InterfaceAddresses::dump(const Filter& filter) {
    const auto family = static_cast<std::uint8_t>(filter.family ? af(*filter.family) : AF_UNSPEC);
    Message message(RTM_GETADDR, 0, ifaddrmsg{.ifa_family = family, .ifa_index = filter.link});
    return socket_->dump(std::move(message), "list addresses", decode_interface_address);
}

Request InterfaceAddresses::addition(const InterfaceAddress& address) {
    return {address_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address), "add address", describe(address)};
}

Request InterfaceAddresses::removal(const InterfaceAddress& address) {
    return {address_message(RTM_DELADDR, 0, address), "remove address", describe(address)};
}

Result<> InterfaceAddresses::add(const InterfaceAddress& address) { return socket_->request(addition(address)); }

}  // namespace culvert::netlink
