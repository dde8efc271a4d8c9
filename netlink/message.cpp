// SPDX-License-Identifier: Apache-2.0
#include "netlink/message.hpp"

#include <arpa/inet.h>
#include <netlink/attr.h>

#include <new>
#include <string>

namespace culvert::netlink {

Message::Message(int type, int flags) : message_(nlmsg_alloc_simple(type, flags)) {
    if (!message_) throw std::bad_alloc();
}

Message& Message::be16(int attribute, std::uint16_t value) { return u16(attribute, htons(value)); }

Message& Message::be32(int attribute, std::uint32_t value) { return u32(attribute, htonl(value)); }

Message& Message::text(int attribute, std::string_view value) {
    const std::string terminated(value);
    return put(attribute, terminated.c_str(), terminated.size() + 1);
}

Message& Message::address(int attribute, const IpAddress& value) {
    return put(attribute, value.bytes().data(), value.bytes().size());
}

Message& Message::mac(int attribute, const MacAddress& value) {
    return put(attribute, value.bytes.data(), value.bytes.size());
}

Bytes Message::bytes() const {
    const nlmsghdr* const header = nlmsg_hdr(message_.get());
    return {reinterpret_cast<const std::byte*>(header), header->nlmsg_len};
}

Message& Message::put(int attribute, const void* data, std::size_t size) {
    fits_ = fits_ && size <= UINT16_MAX && nla_put(message_.get(), attribute, static_cast<int>(size), data) == 0;
    return *this;
}

void Message::append(const void* data, std::size_t size) {
    fits_ = fits_ && nlmsg_append(message_.get(), const_cast<void*>(data), size, NLMSG_ALIGNTO) == 0;
}

nlattr* Message::open(int attribute) {
    nlattr* const start = fits_ ? nla_nest_start(message_.get(), attribute) : nullptr;
    fits_ = start != nullptr;
    return start;
}

void Message::close(nlattr* start) {
    // The kernel distinguishes an empty nest from none, so nla_nest_end, which drops it, is no choice.
    if (fits_) fits_ = nla_nest_end_keep_empty(message_.get(), start) == 0;
}

}  // namespace culvert::netlink
