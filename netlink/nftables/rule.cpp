// SPDX-License-Identifier: Apache-2.0
#include "netlink/nftables/rule.hpp"

#include <linux/if.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netfilter.h>
#include <linux/rtnetlink.h>
#include <netinet/tcp.h>

#include <cstddef>
#include <cstring>

namespace culvert::netlink::nft {

namespace {

/// The location of a field in its header: bytes.
struct Field {
    std::uint32_t offset;
    std::uint32_t length;
};

Field saddr_of(Family family) {
    return family == Family::ipv4 ? Field{offsetof(iphdr, saddr), 4} : Field{offsetof(ipv6hdr, saddr), 16};
}

Field daddr_of(Family family) {
    return family == Family::ipv4 ? Field{offsetof(iphdr, daddr), 4} : Field{offsetof(ipv6hdr, daddr), 16};
}

Bytes bytes_of(const IpAddress& address) { return {address.bytes().begin(), address.bytes().end()}; }

Bytes big_endian(std::uint16_t value) {
    return {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value & 0xff)};
}

/// A mask of `size` bytes with the first `bits` set.
Bytes mask_of(std::size_t size, std::size_t bits) {
    Bytes mask(size);
    for (std::size_t bit = 0; bit < bits; ++bit)
        mask[bit / 8] = static_cast<std::uint8_t>(mask[bit / 8] | 0x80U >> bit % 8);
    return mask;
}

/// The kernel stores its own numbers (marks, priorities, route types) in host order.
Bytes host_order(std::uint32_t value) {
    Bytes bytes(sizeof(value));
    std::memcpy(bytes.data(), &value, sizeof(value));
    return bytes;
}

void match(Rule& rule, Bytes data, Comparison comparison = Comparison::eq) {
    rule.expressions.emplace_back(Compare{comparison, std::move(data)});
}

void match_network_field(Rule& rule, Field field, const Bytes& mask, Bytes data) {
    rule.expressions.emplace_back(PayloadLoad{Header::network, field.offset, field.length});
    rule.expressions.emplace_back(Bitwise{mask, Bytes(mask.size())});
    match(rule, std::move(data));
}

void match_prefix(Rule& rule, Field field, const Prefix& prefix) {
    const Bytes network = bytes_of(prefix.network().address);
    if (prefix.length % 8 == 0 && prefix.length > 0) {  // whole bytes: compare only these
        field.length = prefix.length / 8U;
        rule.expressions.emplace_back(PayloadLoad{Header::network, field.offset, field.length});
        match(rule, Bytes(network.begin(), network.begin() + field.length));
        return;
    }
    match_network_field(rule, field, mask_of(field.length, prefix.length), network);
}

void match_set(Rule& rule, Field field, std::string set, bool inverted) {
    rule.expressions.emplace_back(PayloadLoad{Header::network, field.offset, field.length});
    rule.expressions.emplace_back(Lookup{std::move(set), inverted});
}

void load_transport(Rule& rule, std::uint32_t offset, const Bytes& data) {
    rule.expressions.emplace_back(PayloadLoad{Header::transport, offset, static_cast<std::uint32_t>(data.size())});
}

void match_route_type(Rule& rule, std::uint32_t flags, Comparison comparison) {
    rule.expressions.emplace_back(Fib{NFT_FIB_RESULT_ADDRTYPE, flags});
    match(rule, host_order(RTN_LOCAL), comparison);
}

Rule& match_meta_set(Rule& rule, MetaKey key, std::string set, bool inverted) {
    rule.expressions.emplace_back(Meta{key});
    rule.expressions.emplace_back(Lookup{std::move(set), inverted});
    return rule;
}

Rule& match_bits(Rule& rule, MetaKey key, std::uint32_t bits, Comparison comparison) {
    rule.expressions.emplace_back(Meta{key});
    rule.expressions.emplace_back(Bitwise{host_order(bits), host_order(0)});
    match(rule, host_order(0), comparison);
    return rule;
}

Rule& change_bits(Rule& rule, MetaKey key, std::uint32_t clear, std::uint32_t set) {
    rule.expressions.emplace_back(Meta{key});
    rule.expressions.emplace_back(Bitwise{host_order(~(clear | set)), host_order(set)});
    rule.expressions.emplace_back(MetaStore{key});
    return rule;
}

Rule& meta(Rule& rule, MetaKey key, Bytes data) {
    rule.expressions.emplace_back(Meta{key});
    match(rule, std::move(data));
    return rule;
}

/// That a part belongs to.
template <typename Part>
Rule& rule_of(Part* part) {
    return static_cast<Rule&>(*part);
}

}  // namespace

Rule& PacketConditions::nfproto(Family family) {
    return meta(rule_of(this), MetaKey::nfproto,
                {static_cast<std::uint8_t>(family == Family::ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6)});
}

Rule& PacketConditions::l4proto(std::uint8_t protocol) { return meta(rule_of(this), MetaKey::l4proto, {protocol}); }

Rule& PacketConditions::l4proto_known() {
    Rule& rule = rule_of(this);
    rule.expressions.emplace_back(Meta{MetaKey::l4proto});
    match(rule, {IPPROTO_RAW}, Comparison::neq);
    return rule;
}

Rule& HostConditions::iifname(std::string_view name) {
    const bool prefix = name.ends_with('*');
    Bytes data(name.begin(), name.end() - (prefix ? 1 : 0));
    if (!prefix) data.resize(IFNAMSIZ);  // the comparison includes the terminating zeros
    return meta(rule_of(this), MetaKey::iifname, std::move(data));
}

Rule& HostConditions::iifname_in(std::string set) {
    return match_meta_set(rule_of(this), MetaKey::iifname, std::move(set), false);
}

Rule& HostConditions::iifname_not_in(std::string set) {
    return match_meta_set(rule_of(this), MetaKey::iifname, std::move(set), true);
}

Rule& HostConditions::iifkind_in(std::string set) {
    return match_meta_set(rule_of(this), MetaKey::iifkind, std::move(set), false);
}

Rule& HostConditions::priority_has(std::uint32_t bits) {
    return match_bits(rule_of(this), MetaKey::priority, bits, Comparison::neq);
}

Rule& HostConditions::priority_lacks(std::uint32_t bits) {
    return match_bits(rule_of(this), MetaKey::priority, bits, Comparison::eq);
}

Rule& HostConditions::mark_has(std::uint32_t bits) {
    return match_bits(rule_of(this), MetaKey::mark, bits, Comparison::neq);
}

Rule& Statements::change_priority(std::uint32_t clear, std::uint32_t set) {
    return change_bits(rule_of(this), MetaKey::priority, clear, set);
}

Rule& Statements::change_mark(std::uint32_t clear, std::uint32_t set) {
    return change_bits(rule_of(this), MetaKey::mark, clear, set);
}

Rule& PacketConditions::dscp(Family family, std::uint8_t dscp) {
    Rule& rule = rule_of(this);
    if (family == Family::ipv4) {  // the upper six bits of the second byte
        match_network_field(rule, {offsetof(iphdr, tos), 1}, {0xfc}, {static_cast<std::uint8_t>(dscp << 2)});
    } else {  // behind the version's four bits
        match_network_field(rule, {0, 2}, big_endian(0x0fc0), big_endian(static_cast<std::uint16_t>(dscp << 6)));
    }
    return rule;
}

Rule& PacketConditions::saddr(const Prefix& prefix) {
    Rule& rule = rule_of(this);
    match_prefix(rule, saddr_of(prefix.address.family()), prefix);
    return rule;
}

Rule& PacketConditions::daddr(const Prefix& prefix) {
    Rule& rule = rule_of(this);
    match_prefix(rule, daddr_of(prefix.address.family()), prefix);
    return rule;
}

Rule& PacketConditions::saddr_in(Family family, std::string set) {
    Rule& rule = rule_of(this);
    match_set(rule, saddr_of(family), std::move(set), false);
    return rule;
}

Rule& PacketConditions::saddr_not_in(Family family, std::string set) {
    Rule& rule = rule_of(this);
    match_set(rule, saddr_of(family), std::move(set), true);
    return rule;
}

Rule& PacketConditions::daddr_not_in(Family family, std::string set) {
    Rule& rule = rule_of(this);
    match_set(rule, daddr_of(family), std::move(set), true);
    return rule;
}

Rule& PacketConditions::dport(std::uint16_t port) {
    Rule& rule = rule_of(this);
    rule.expressions.emplace_back(PayloadLoad{Header::transport, 2, 2});
    match(rule, big_endian(port));
    return rule;
}

Rule& PacketConditions::transport(std::uint32_t offset, const Bytes& value) {
    Rule& rule = rule_of(this);
    load_transport(rule, offset, value);
    match(rule, value);
    return rule;
}

Rule& PacketConditions::transport_not(std::uint32_t offset, const Bytes& value) {
    Rule& rule = rule_of(this);
    load_transport(rule, offset, value);
    match(rule, value, Comparison::neq);
    return rule;
}

Rule& PacketConditions::transport_masked(std::uint32_t offset, const Bytes& mask, const Bytes& value) {
    Rule& rule = rule_of(this);
    load_transport(rule, offset, value);
    rule.expressions.emplace_back(Bitwise{mask, Bytes(mask.size())});
    match(rule, value);
    return rule;
}

Rule& PacketConditions::tcp_syn() {
    Rule& rule = rule_of(this);
    constexpr std::uint32_t flags = 13;  // byte of the header
    rule.l4proto(IPPROTO_TCP);
    load_transport(rule, flags, {TH_SYN});
    rule.expressions.emplace_back(Bitwise{{TH_SYN}, {0}});
    match(rule, {0}, Comparison::neq);
    return rule;
}

Rule& HostConditions::fib_saddr_local() {
    Rule& rule = rule_of(this);
    match_route_type(rule, NFTA_FIB_F_SADDR, Comparison::eq);
    return rule;
}

Rule& HostConditions::fib_saddr_not_local() {
    Rule& rule = rule_of(this);
    match_route_type(rule, NFTA_FIB_F_SADDR, Comparison::neq);
    return rule;
}

Rule& HostConditions::fib_saddr_not_by_iif() {
    Rule& rule = rule_of(this);
    rule.expressions.emplace_back(Fib{NFT_FIB_RESULT_OIF, NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF | NFTA_FIB_F_PRESENT});
    match(rule, host_order(0));
    return rule;
}

Rule& HostConditions::fib_daddr_local() {
    Rule& rule = rule_of(this);
    match_route_type(rule, NFTA_FIB_F_DADDR, Comparison::eq);
    return rule;
}

Rule& HostConditions::fib_daddr_local_to_iif() {
    Rule& rule = rule_of(this);
    match_route_type(rule, NFTA_FIB_F_DADDR | NFTA_FIB_F_IIF, Comparison::eq);
    return rule;
}

Rule& Statements::set_daddr(const IpAddress& address) {
    Rule& rule = rule_of(this);
    const Field field = daddr_of(address.family());
    ChecksumUpdate checksum{.flags = NFT_PAYLOAD_L4CSUM_PSEUDOHDR};
    if (address.is_v4()) {
        checksum.type = NFT_PAYLOAD_CSUM_INET;
        checksum.offset = offsetof(iphdr, check);
    }
    rule.expressions.emplace_back(Immediate{bytes_of(address)});
    rule.expressions.emplace_back(PayloadStore{Header::network, field.offset, field.length, checksum});
    return rule;
}

Rule& PacketConditions::later_fragment() {
    Rule& rule = rule_of(this);
    const Bytes offset_bits{0xff, 0xf8};  // RFC 8200 section 4.5: in units of 8 bytes, before three other bits
    rule.nfproto(Family::ipv6);
    rule.expressions.emplace_back(ExtensionLoad{.kind = IPPROTO_FRAGMENT, .offset = 2, .length = 2});
    rule.expressions.emplace_back(Bitwise{offset_bits, Bytes(2)});
    rule.expressions.emplace_back(Compare{Comparison::neq, Bytes(2)});
    return rule;
}

Rule& Statements::set_mss(std::uint16_t size) {
    Rule& rule = rule_of(this);
    rule.expressions.emplace_back(Immediate{big_endian(size)});
    rule.expressions.emplace_back(TcpOptionStore{.kind = TCPOPT_MAXSEG, .offset = 2, .length = 2});
    return rule;
}

Rule& Statements::limit(std::uint64_t each_second) {
    Rule& rule = rule_of(this);
    rule.expressions.emplace_back(Limit{each_second});
    return rule;
}

Rule& Statements::log(std::string prefix) {
    Rule& rule = rule_of(this);
    rule.expressions.emplace_back(Log{std::move(prefix)});
    return rule;
}

Rule& Statements::counter() {
    Rule& rule = rule_of(this);
    rule.expressions.emplace_back(Counter{});
    return rule;
}

Rule& Statements::notrack() {
    Rule& rule = rule_of(this);
    rule.expressions.emplace_back(Notrack{});
    return rule;
}

Rule& Statements::accept() {
    Rule& rule = rule_of(this);
    rule.expressions.emplace_back(Verdict{NF_ACCEPT, {}});
    return rule;
}

Rule& Statements::drop() {
    Rule& rule = rule_of(this);
    rule.expressions.emplace_back(Verdict{NF_DROP, {}});
    return rule;
}

Rule& Statements::jump(std::string chain) {
    Rule& rule = rule_of(this);
    rule.expressions.emplace_back(Verdict{NFT_JUMP, std::move(chain)});
    return rule;
}

Rule& Statements::go_to(std::string chain) {
    Rule& rule = rule_of(this);
    rule.expressions.emplace_back(Verdict{NFT_GOTO, std::move(chain)});
    return rule;
}

Rule& Statements::back() {
    Rule& rule = rule_of(this);
    rule.expressions.emplace_back(Verdict{NFT_RETURN, {}});
    return rule;
}

Rule& Statements::with_comment(std::string text) {
    Rule& rule = rule_of(this);
    rule.comment = std::move(text);
    return rule;
}

}  // namespace culvert::netlink::nft
