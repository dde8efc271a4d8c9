// SPDX-License-Identifier: Apache-2.0
#include "netlink/attributes.hpp"

#include <arpa/inet.h>

#include <algorithm>

namespace culvert::netlink {

namespace {

std::span<const std::uint8_t> octets(Bytes bytes) {
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace

std::string read_text(Bytes bytes) {
    const auto end = std::ranges::find(bytes, std::byte{0});
    return {reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(end - bytes.begin())};
}

std::optional<IpAddress> read_address(Bytes bytes) { return IpAddress::from_bytes(octets(bytes)); }

Attributes::Iterator::Iterator(Bytes rest) : rest_(rest) { advance(); }

Attributes::Iterator& Attributes::Iterator::operator++() {
    advance();
    return *this;
}

void Attributes::Iterator::advance() {
    const auto header = read<nlattr>(rest_);
    done_ = !header || header->nla_len < NLA_HDRLEN || header->nla_len > rest_.size();
    if (done_) return;
    current_ = {static_cast<std::uint16_t>(header->nla_type & NLA_TYPE_MASK),
                rest_.first(header->nla_len).subspan(NLA_HDRLEN)};
    rest_ = rest_.subspan(std::min<std::size_t>(NLA_ALIGN(header->nla_len), rest_.size()));
}

std::optional<Bytes> Attributes::find(int type) const {
    std::optional<Bytes> found;
    for (const Attribute& attribute : *this)
        if (attribute.type == type) found = attribute.payload;
    return found;
}

std::optional<std::uint16_t> Attributes::be16(int type) const {
    const auto value = u16(type);
    return value ? std::optional(ntohs(*value)) : std::nullopt;
}

std::optional<std::uint32_t> Attributes::be32(int type) const {
    const auto value = u32(type);
    return value ? std::optional(ntohl(*value)) : std::nullopt;
}

std::optional<MacAddress> Attributes::mac(int type) const {
    return MacAddress::from_bytes(octets(find(type).value_or(Bytes{})));
}

}  // namespace culvert::netlink
