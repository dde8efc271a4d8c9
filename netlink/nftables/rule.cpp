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

Rule& match_priority_bits(Rule& rule, std::uint32_t bits, Comparison comparison) {
    rule.expressions.emplace_back(Meta{MetaKey::priority});
    rule.expressions.emplace_back(Bitwise{host_order(bits), host_order(0)});
    match(rule, host_order(0), comparison);
    return rule;
}

Rule& meta(Rule& rule, MetaKey key, Bytes data) {
    rule.expressions.emplace_back(Meta{key});
    match(rule, std::move(data));
    return rule;
}

}  // namespace

Rule& Rule::nfproto(Family family) {
    return meta(*this, MetaKey::nfproto,
                {static_cast<std::uint8_t>(family == Family::ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6)});
}

Rule& Rule::l4proto(std::uint8_t protocol) { return meta(*this, MetaKey::l4proto, {protocol}); }

Rule& Rule::l4proto_known() {
    expressions.emplace_back(Meta{MetaKey::l4proto});
    match(*this, {IPPROTO_RAW}, Comparison::neq);
    return *this;
}

Rule& Rule::mark(std::uint32_t mark) { return meta(*this, MetaKey::mark, host_order(mark)); }

Rule& Rule::iifname(std::string_view name) {
    const bool prefix = name.ends_with('*');
    Bytes data(name.begin(), name.end() - (prefix ? 1 : 0));
    if (!prefix) data.resize(IFNAMSIZ);  // the comparison includes the terminating zeros
    return meta(*this, MetaKey::iifname, std::move(data));
}

Rule& Rule::iifname_in(std::string set) { return match_meta_set(*this, MetaKey::iifname, std::move(set), false); }

Rule& Rule::iifname_not_in(std::string set) { return match_meta_set(*this, MetaKey::iifname, std::move(set), true); }

Rule& Rule::iifkind_in(std::string set) { return match_meta_set(*this, MetaKey::iifkind, std::move(set), false); }

Rule& Rule::priority_has(std::uint32_t bits) { return match_priority_bits(*this, bits, Comparison::neq); }

Rule& Rule::priority_lacks(std::uint32_t bits) { return match_priority_bits(*this, bits, Comparison::eq); }

Rule& Rule::change_priority(std::uint32_t clear, std::uint32_t set) {
    expressions.emplace_back(Meta{MetaKey::priority});
    expressions.emplace_back(Bitwise{host_order(~(clear | set)), host_order(set)});
    expressions.emplace_back(MetaStore{MetaKey::priority});
    return *this;
}

Rule& Rule::dscp(Family family, std::uint8_t dscp) {
    if (family == Family::ipv4) {  // the upper six bits of the second byte
        match_network_field(*this, {offsetof(iphdr, tos), 1}, {0xfc}, {static_cast<std::uint8_t>(dscp << 2)});
    } else {  // behind the version's four bits
        match_network_field(*this, {0, 2}, big_endian(0x0fc0), big_endian(static_cast<std::uint16_t>(dscp << 6)));
    }
    return *this;
}

Rule& Rule::saddr(const Prefix& prefix) {
    match_prefix(*this, saddr_of(prefix.address.family()), prefix);
    return *this;
}

Rule& Rule::daddr(const Prefix& prefix) {
    match_prefix(*this, daddr_of(prefix.address.family()), prefix);
    return *this;
}

Rule& Rule::saddr_in(Family family, std::string set) {
    match_set(*this, saddr_of(family), std::move(set), false);
    return *this;
}

Rule& Rule::saddr_not_in(Family family, std::string set) {
    match_set(*this, saddr_of(family), std::move(set), true);
    return *this;
}

Rule& Rule::daddr_in(Family family, std::string set) {
    match_set(*this, daddr_of(family), std::move(set), false);
    return *this;
}

Rule& Rule::daddr_not_in(Family family, std::string set) {
    match_set(*this, daddr_of(family), std::move(set), true);
    return *this;
}

Rule& Rule::dport(std::uint16_t port) {
    expressions.emplace_back(PayloadLoad{Header::transport, 2, 2});
    match(*this, big_endian(port));
    return *this;
}

Rule& Rule::transport(std::uint32_t offset, const Bytes& value) {
    load_transport(*this, offset, value);
    match(*this, value);
    return *this;
}

Rule& Rule::transport_not(std::uint32_t offset, const Bytes& value) {
    load_transport(*this, offset, value);
    match(*this, value, Comparison::neq);
    return *this;
}

Rule& Rule::transport_masked(std::uint32_t offset, const Bytes& mask, const Bytes& value) {
    load_transport(*this, offset, value);
    expressions.emplace_back(Bitwise{mask, Bytes(mask.size())});
    match(*this, value);
    return *this;
}

Rule& Rule::tcp_syn() {
    constexpr std::uint32_t flags = 13;  // byte of the header
    l4proto(IPPROTO_TCP);
    load_transport(*this, flags, {TH_SYN});
    expressions.emplace_back(Bitwise{{TH_SYN}, {0}});
    match(*this, {0}, Comparison::neq);
    return *this;
}

Rule& Rule::fib_saddr_local() {
    match_route_type(*this, NFTA_FIB_F_SADDR, Comparison::eq);
    return *this;
}

Rule& Rule::fib_saddr_not_local() {
    match_route_type(*this, NFTA_FIB_F_SADDR, Comparison::neq);
    return *this;
}

Rule& Rule::fib_saddr_not_by_iif() {
    expressions.emplace_back(Fib{NFT_FIB_RESULT_OIF, NFTA_FIB_F_SADDR | NFTA_FIB_F_IIF | NFTA_FIB_F_PRESENT});
    match(*this, host_order(0));
    return *this;
}

Rule& Rule::fib_daddr_local() {
    match_route_type(*this, NFTA_FIB_F_DADDR, Comparison::eq);
    return *this;
}

Rule& Rule::fib_daddr_local_to_iif() {
    match_route_type(*this, NFTA_FIB_F_DADDR | NFTA_FIB_F_IIF, Comparison::eq);
    return *this;
}

Rule& Rule::set_daddr(const IpAddress& address) {
    const Field field = daddr_of(address.family());
    ChecksumUpdate checksum{.flags = NFT_PAYLOAD_L4CSUM_PSEUDOHDR};
    if (address.is_v4()) {
        checksum.type = NFT_PAYLOAD_CSUM_INET;
        checksum.offset = offsetof(iphdr, check);
    }
    expressions.emplace_back(Immediate{bytes_of(address)});
    expressions.emplace_back(PayloadStore{Header::network, field.offset, field.length, checksum});
    return *this;
}

Rule& Rule::later_fragment() {
    const Bytes offset_bits{0xff, 0xf8};  // RFC 8200 section 4.5: in units of 8 bytes, before three other bits
    nfproto(Family::ipv6);
    expressions.emplace_back(ExtensionLoad{.kind = IPPROTO_FRAGMENT, .offset = 2, .length = 2});
    expressions.emplace_back(Bitwise{offset_bits, Bytes(2)});
    expressions.emplace_back(Compare{Comparison::neq, Bytes(2)});
    return *this;
}

Rule& Rule::set_mss(std::uint16_t size) {
    expressions.emplace_back(Immediate{big_endian(size)});
    expressions.emplace_back(TcpOptionStore{.kind = TCPOPT_MAXSEG, .offset = 2, .length = 2});
    return *this;
}

Rule& Rule::limit(std::uint64_t each_second) {
    expressions.emplace_back(Limit{each_second});
    return *this;
}

Rule& Rule::log(std::string prefix) {
    expressions.emplace_back(Log{std::move(prefix)});
    return *this;
}

Rule& Rule::counter() {
    expressions.emplace_back(Counter{});
    return *this;
}

Rule& Rule::notrack() {
    expressions.emplace_back(Notrack{});
    return *this;
}

Rule& Rule::accept() {
    expressions.emplace_back(Verdict{NF_ACCEPT, {}});
    return *this;
}

Rule& Rule::drop() {
    expressions.emplace_back(Verdict{NF_DROP, {}});
    return *this;
}

Rule& Rule::jump(std::string chain) {
    expressions.emplace_back(Verdict{NFT_JUMP, std::move(chain)});
    return *this;
}

Rule& Rule::go_to(std::string chain) {
    expressions.emplace_back(Verdict{NFT_GOTO, std::move(chain)});
    return *this;
}

Rule& Rule::back() {
    expressions.emplace_back(Verdict{NFT_RETURN, {}});
    return *this;
}

Rule& Rule::with_comment(std::string text) {
    comment = std::move(text);
    return *this;
}

}  // namespace culvert::netlink::nft
