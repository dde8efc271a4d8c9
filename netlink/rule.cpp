// SPDX-License-Identifier: Apache-2.0
#include "netlink/rule.hpp"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

namespace culvert::netlink {

namespace {

constexpr std::uint32_t suppress_nothing = UINT32_MAX;

std::optional<Prefix> decode_prefix(const Attributes& attributes, int type, std::uint8_t length, Family family) {
    const auto address = attributes.address(type);
    if (!address || address->family() != family || length > address->bits()) return std::nullopt;
    return Prefix{*address, length};
}

std::optional<PortRange> decode_ports(const Attributes& attributes, int type) {
    const auto range = attributes.structure<fib_rule_port_range>(type);
    return range ? std::optional(PortRange{range->start, range->end}) : std::nullopt;
}

std::optional<UserRange> decode_users(const Attributes& attributes) {
    const auto range = attributes.structure<fib_rule_uid_range>(FRA_UID_RANGE);
    return range ? std::optional(UserRange{range->start, range->end}) : std::nullopt;
}

}  // namespace

std::optional<Rule> decode_rule(Bytes message) {
    const auto parsed = parse<fib_rule_hdr>(message);
    if (!parsed) return std::nullopt;
    const auto& [envelope, header, attributes] = *parsed;
    if (envelope.nlmsg_type != RTM_NEWRULE && envelope.nlmsg_type != RTM_DELRULE) return std::nullopt;
    const auto family = family_from_af(header.family);
    if (!family) return std::nullopt;
    const auto suppressed = attributes.u32(FRA_SUPPRESS_PREFIXLEN);
    return Rule{
        .family = *family,
        .priority = attributes.u32(FRA_PRIORITY).value_or(0),
        .table = attributes.u32(FRA_TABLE).value_or(header.table),
        .action = header.action,
        .source = decode_prefix(attributes, FRA_SRC, header.src_len, *family),
        .destination = decode_prefix(attributes, FRA_DST, header.dst_len, *family),
        .input = attributes.text(FRA_IIFNAME),
        .output = attributes.text(FRA_OIFNAME),
        .mark = attributes.u32(FRA_FWMARK).value_or(0),
        .mask = attributes.u32(FRA_FWMASK).value_or(0),
        .ip_protocol = attributes.u8(FRA_IP_PROTO).value_or(0),
        .source_ports = decode_ports(attributes, FRA_SPORT_RANGE),
        .destination_ports = decode_ports(attributes, FRA_DPORT_RANGE),
        .users = decode_users(attributes),
        .suppress_prefix_length = suppressed != suppress_nothing ? suppressed : std::nullopt,
        .invert = (header.flags & FIB_RULE_INVERT) != 0,
        .protocol = attributes.u8(FRA_PROTOCOL).value_or(0),
    };
}

Result<std::vector<Rule>> Rules::dump() {
    return socket_->dump(Message(RTM_GETRULE, 0, fib_rule_hdr{}), "list rules", decode_rule);
}

}  // namespace culvert::netlink
