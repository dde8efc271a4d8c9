// SPDX-License-Identifier: Apache-2.0
#include "netlink/rule.hpp"

#include <fmt/format.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

namespace culvert::netlink {

namespace {

constexpr std::uint32_t suppress_nothing = UINT32_MAX;

void encode_prefix(Message& message, int attribute, const std::optional<Prefix>& prefix) {
    if (prefix && prefix->length > 0) message.address(attribute, prefix->network().address);
}

void encode_ports(Message& message, int attribute, const std::optional<PortRange>& ports) {
    if (!ports) return;
    const fib_rule_port_range range{.start = ports->first, .end = ports->last};
    message.put(attribute, &range, sizeof range);
}

Message rule_message(int type, int flags, const Rule& rule) {
    Message message(type, flags,
                    fib_rule_hdr{.family = static_cast<std::uint8_t>(af(rule.family)),
                                 .dst_len = rule.destination ? rule.destination->length : std::uint8_t{0},
                                 .src_len = rule.source ? rule.source->length : std::uint8_t{0},
                                 .table = RT_TABLE_UNSPEC,  // FRA_TABLE has the full number
                                 .action = rule.action,
                                 .flags = rule.invert ? static_cast<std::uint32_t>(FIB_RULE_INVERT) : 0});
    message.u32(FRA_PRIORITY, rule.priority);
    if (rule.table != 0) message.u32(FRA_TABLE, rule.table);
    encode_prefix(message, FRA_SRC, rule.source);
    encode_prefix(message, FRA_DST, rule.destination);
    if (!rule.input.empty()) message.text(FRA_IIFNAME, rule.input);
    if (!rule.output.empty()) message.text(FRA_OIFNAME, rule.output);
    if (rule.mask != 0) message.u32(FRA_FWMARK, rule.mark).u32(FRA_FWMASK, rule.mask);
    if (rule.ip_protocol != 0) message.u8(FRA_IP_PROTO, rule.ip_protocol);
    encode_ports(message, FRA_SPORT_RANGE, rule.source_ports);
    encode_ports(message, FRA_DPORT_RANGE, rule.destination_ports);
    if (rule.users) {
        const fib_rule_uid_range range{.start = rule.users->first, .end = rule.users->last};
        message.put(FRA_UID_RANGE, &range, sizeof range);
    }
    if (rule.suppress_prefix_length) message.u32(FRA_SUPPRESS_PREFIXLEN, *rule.suppress_prefix_length);
    if (rule.protocol != 0) message.u8(FRA_PROTOCOL, rule.protocol);
    return message;
}

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

std::string describe(const Rule& rule) { return fmt::format("{} ({})", rule.priority, name(rule.family)); }

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

Result<> Rules::add(const Rule& rule) {
    return socket_->request(rule_message(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule), "add rule", describe(rule));
}

Result<> Rules::remove(const Rule& rule) {
    return socket_->request(rule_message(RTM_DELRULE, 0, rule), "remove rule", describe(rule));
}

}  // namespace culvert::netlink
