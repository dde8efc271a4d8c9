// SPDX-License-Identifier: Apache-2.0
#include "netlink/xfrm.hpp"

#include <arpa/inet.h>
#include <linux/xfrm.h>

#include <span>

namespace culvert::netlink {

namespace {

std::optional<Prefix> decode_prefix(const xfrm_address_t& address, std::uint8_t length, Family family) {
    const std::size_t size = family == Family::ipv4 ? 4 : 16;
    const auto decoded = read_address(std::as_bytes(std::span(&address, 1)).first(size));
    if (!decoded || length > decoded->bits()) return std::nullopt;
    return Prefix{*decoded, length};
}

std::optional<IpsecSelector> decode_selector(const xfrm_selector& selector) {
    const auto family = family_from_af(static_cast<std::uint8_t>(selector.family));
    if (!family) return std::nullopt;
    const auto source = decode_prefix(selector.saddr, selector.prefixlen_s, *family);
    const auto destination = decode_prefix(selector.daddr, selector.prefixlen_d, *family);
    if (!source || !destination) return std::nullopt;
    return IpsecSelector{.source = *source,
                         .destination = *destination,
                         .protocol = selector.proto,
                         .source_port = ntohs(selector.sport),
                         .destination_port = ntohs(selector.dport)};
}

std::optional<IpsecDefaults> decode_defaults(Bytes message) {
    const auto parsed = parse<xfrm_userpolicy_default>(message);
    if (!parsed || parsed->message.nlmsg_type != XFRM_MSG_GETDEFAULT) return std::nullopt;
    return IpsecDefaults{.in_blocked = parsed->header.in == XFRM_USERPOLICY_BLOCK,
                         .out_blocked = parsed->header.out == XFRM_USERPOLICY_BLOCK};
}

}  // namespace

std::optional<IpsecPolicy> decode_ipsec_policy(Bytes message) {
    const auto parsed = parse<xfrm_userpolicy_info>(message);
    if (!parsed || parsed->message.nlmsg_type != XFRM_MSG_NEWPOLICY) return std::nullopt;
    const auto& [_, policy, attributes] = *parsed;
    const auto selector = decode_selector(policy.sel);
    if (!selector || policy.dir > XFRM_POLICY_FWD) return std::nullopt;
    const auto mark = attributes.structure<xfrm_mark>(XFRMA_MARK).value_or(xfrm_mark{});
    return IpsecPolicy{.index = policy.index,
                       .direction = static_cast<IpsecDirection>(policy.dir),
                       .selector = *selector,
                       .priority = policy.priority,
                       .blocks = policy.action == XFRM_POLICY_BLOCK,
                       .mark = mark.v & mark.m,
                       .xfrm_interface = attributes.u32(XFRMA_IF_ID).value_or(0)};
}

Result<std::vector<IpsecPolicy>> ipsec_policies(Socket& xfrm) {
    return xfrm.dump(Message(XFRM_MSG_GETPOLICY, 0, xfrm_userpolicy_id{}), "list IPsec policies", decode_ipsec_policy);
}

Result<IpsecDefaults> ipsec_defaults(Socket& xfrm) {
    return xfrm.query(Message(XFRM_MSG_GETDEFAULT, 0, xfrm_userpolicy_default{}), "get default", "IPsec policies",
                      decode_defaults);
}

}  // namespace culvert::netlink
