// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/netlink.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <type_traits>

#include "netlink/address.hpp"

namespace culvert::netlink {

using Bytes = std::span<const std::byte>;

/// The first sizeof(T) bytes as a T; nothing if there are fewer. Netlink aligns to 4 bytes only, hence the copy.
template <typename T>
    requires std::is_trivially_copyable_v<T>
[[nodiscard]] std::optional<T> read(Bytes bytes) {
    if (bytes.size() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
}

/// Up to the first NUL, or all bytes.
[[nodiscard]] std::string read_text(Bytes bytes);
/// 4 bytes are an IPv4 address, 16 an IPv6 address; nothing for other lengths.
[[nodiscard]] std::optional<IpAddress> read_address(Bytes bytes);

/// One netlink attribute, without its header. The type excludes the flags NLA_F_NESTED and NLA_F_NET_BYTEORDER.
struct Attribute {
    std::uint16_t type = 0;
    Bytes payload;
};

/// A view of a sequence of netlink attributes that doesn't trust them: a malformed attribute ends the sequence, one of
/// the wrong size counts as absent. Integers are in host order; `be` reads one in network order. If a type occurs
/// twice, the last one counts, as in the kernel.
class Attributes {
  public:
    class Iterator {
      public:
        explicit Iterator(Bytes rest);
        const Attribute& operator*() const { return current_; }
        Iterator& operator++();
        bool operator==(std::default_sentinel_t) const { return done_; }

      private:
        void advance();

        Bytes rest_;
        Attribute current_;
        bool done_ = true;
    };

    Attributes() = default;
    explicit Attributes(Bytes bytes) : bytes_(bytes) {}

    [[nodiscard]] Iterator begin() const { return Iterator(bytes_); }
    [[nodiscard]] static std::default_sentinel_t end() { return {}; }

    [[nodiscard]] std::optional<Bytes> find(int type) const;
    /// Whether the attribute is present; for attributes without payload.
    [[nodiscard]] bool flag(int type) const { return find(type).has_value(); }
    [[nodiscard]] std::optional<std::uint8_t> u8(int type) const { return integer<std::uint8_t>(type); }
    [[nodiscard]] std::optional<std::uint16_t> u16(int type) const { return integer<std::uint16_t>(type); }
    [[nodiscard]] std::optional<std::uint32_t> u32(int type) const { return integer<std::uint32_t>(type); }
    [[nodiscard]] std::optional<std::uint16_t> be16(int type) const;
    [[nodiscard]] std::optional<std::uint32_t> be32(int type) const;
    /// Empty if absent.
    [[nodiscard]] std::string text(int type) const { return read_text(find(type).value_or(Bytes{})); }
    [[nodiscard]] std::optional<IpAddress> address(int type) const {
        return read_address(find(type).value_or(Bytes{}));
    }
    [[nodiscard]] std::optional<MacAddress> mac(int type) const;
    /// A structure of the kernel's ABI. A newer kernel may have extended it, so more bytes than sizeof(T) are accepted.
    template <typename T>
    [[nodiscard]] std::optional<T> structure(int type) const {
        const auto payload = find(type);
        return payload ? read<T>(*payload) : std::nullopt;
    }
    /// Empty if absent.
    [[nodiscard]] Attributes nested(int type) const { return Attributes(find(type).value_or(Bytes{})); }

  private:
    template <typename T>
    [[nodiscard]] std::optional<T> integer(int type) const {
        const auto payload = find(type);
        return payload && payload->size() == sizeof(T) ? read<T>(*payload) : std::nullopt;
    }

    Bytes bytes_;
};

/// The parts of a netlink message: `nlmsghdr`, then the family's fixed header, then attributes.
template <typename Header>
struct Parsed {
    nlmsghdr message{};
    Header header{};
    Attributes attributes;
};

/// Splits one whole message; nothing if it is shorter than its headers or its length field.
template <typename Header>
[[nodiscard]] std::optional<Parsed<Header>> parse(Bytes bytes) {
    const auto message = read<nlmsghdr>(bytes);
    if (!message || message->nlmsg_len < NLMSG_HDRLEN || message->nlmsg_len > bytes.size()) return std::nullopt;
    const Bytes body = bytes.first(message->nlmsg_len).subspan(NLMSG_HDRLEN);
    const auto header = read<Header>(body);
    if (!header) return std::nullopt;
    const std::size_t attributes = std::min<std::size_t>(NLMSG_ALIGN(sizeof(Header)), body.size());
    return Parsed<Header>{*message, *header, Attributes(body.subspan(attributes))};
}

}  // namespace culvert::netlink
