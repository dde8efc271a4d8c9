// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace culvert::netlink {

enum class Family : std::uint8_t { ipv4 = 4, ipv6 = 6 };

/// AF_INET or AF_INET6.
[[nodiscard]] int af(Family family);
[[nodiscard]] std::optional<Family> family_from_af(int af);
/// "ipv4" or "ipv6"
[[nodiscard]] std::string_view name(Family family);

/// An IPv4 or IPv6 address. Bytes are in network order; an IPv4 address fills the first four, the rest is zero.
class IpAddress {
  public:
    IpAddress() = default;  ///< 0.0.0.0
    /// From 4 or 16 bytes in network order; nothing for other lengths.
    [[nodiscard]] static std::optional<IpAddress> from_bytes(std::span<const std::uint8_t> bytes);
    /// "192.0.2.1", "2001:db8::1"; no zone, no prefix length, no short form like "10.1".
    [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
    [[nodiscard]] static IpAddress any(Family family);

    [[nodiscard]] Family family() const { return family_; }
    [[nodiscard]] bool is_v4() const { return family_ == Family::ipv4; }
    [[nodiscard]] bool is_any() const;
    /// fe80::/10 or 169.254.0.0/16
    [[nodiscard]] bool is_link_local() const;
    [[nodiscard]] bool is_multicast() const;
    [[nodiscard]] bool is_loopback() const;
    /// 4 or 16 bytes, network order.
    [[nodiscard]] std::span<const std::uint8_t> bytes() const;
    [[nodiscard]] std::string to_string() const;
    /// Clears all bits behind the first `length`.
    [[nodiscard]] IpAddress masked(std::uint8_t length) const;
    /// 32 or 128
    [[nodiscard]] std::uint8_t bits() const { return is_v4() ? 32 : 128; }

    auto operator<=>(const IpAddress&) const = default;

  private:
    Family family_ = Family::ipv4;
    std::array<std::uint8_t, 16> bytes_{};
};

/// An address with a prefix length. Host bits may be set (an interface address); `network()` clears them.
struct Prefix {
    IpAddress address;
    std::uint8_t length = 0;

    /// "192.0.2.0/24", or a single address, which is a prefix of all its bits.
    [[nodiscard]] static std::optional<Prefix> parse(std::string_view text);
    [[nodiscard]] static Prefix host(const IpAddress& address) { return {address, address.bits()}; }
    [[nodiscard]] Prefix network() const { return {address.masked(length), length}; }
    [[nodiscard]] bool is_host() const { return length == address.bits(); }
    [[nodiscard]] bool contains(const IpAddress& other) const;
    /// Always with the length: "192.0.2.1/32".
    [[nodiscard]] std::string to_string() const;

    auto operator<=>(const Prefix&) const = default;
};

/// An Ethernet address.
struct MacAddress {
    std::array<std::uint8_t, 6> bytes{};

    /// "02:00:00:00:00:01"
    [[nodiscard]] static std::optional<MacAddress> parse(std::string_view text);
    [[nodiscard]] static std::optional<MacAddress> from_bytes(std::span<const std::uint8_t> bytes);
    [[nodiscard]] std::string to_string() const;

    auto operator<=>(const MacAddress&) const = default;
};

}  // namespace culvert::netlink
