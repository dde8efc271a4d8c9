// SPDX-License-Identifier: Apache-2.0
#include "netlink/address.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace culvert::netlink {

int af(Family family) { return family == Family::ipv4 ? AF_INET : AF_INET6; }

std::optional<Family> family_from_af(int af) {
    if (af == AF_INET) return Family::ipv4;
    if (af == AF_INET6) return Family::ipv6;
    return std::nullopt;
}

std::string_view name(Family family) { return family == Family::ipv4 ? "ipv4" : "ipv6"; }

std::optional<IpAddress> IpAddress::from_bytes(std::span<const std::uint8_t> bytes) {
    if (bytes.size() != 4 && bytes.size() != 16) return std::nullopt;
    IpAddress address = any(bytes.size() == 4 ? Family::ipv4 : Family::ipv6);
    std::ranges::copy(bytes, address.bytes_.begin());
    return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    const std::string terminated(text);  // inet_pton needs a terminating NUL
    if (terminated.size() != std::char_traits<char>::length(terminated.c_str())) return std::nullopt;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        IpAddress address = any(family);
        if (inet_pton(af(family), terminated.c_str(), address.bytes_.data()) == 1) return address;
    }
    return std::nullopt;
}

IpAddress IpAddress::any(Family family) {
    IpAddress address;
    address.family_ = family;
    return address;
}

bool IpAddress::is_any() const { return *this == any(family_); }

bool IpAddress::is_link_local() const {
    return is_v4() ? bytes_[0] == 169 && bytes_[1] == 254 : bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

bool IpAddress::is_multicast() const { return is_v4() ? (bytes_[0] & 0xf0) == 0xe0 : bytes_[0] == 0xff; }

bool IpAddress::is_loopback() const {
    if (is_v4()) return bytes_[0] == 127;
    IpAddress loopback = any(Family::ipv6);
    loopback.bytes_[15] = 1;
    return *this == loopback;
}

std::span<const std::uint8_t> IpAddress::bytes() const { return std::span(bytes_).first(is_v4() ? 4 : 16); }

IpAddress IpAddress::masked(std::uint8_t length) const {
    IpAddress masked = *this;
    for (std::size_t i = 0; i < masked.bytes_.size(); ++i) {
        const int kept = std::clamp(length - static_cast<int>(i) * 8, 0, 8);
        masked.bytes_[i] = static_cast<std::uint8_t>(masked.bytes_[i] & (0xff00 >> kept));
    }
    return masked;
}

std::string IpAddress::to_string() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (!is_v4()) return inet_ntop(AF_INET6, bytes_.data(), text.data(), text.size());
    // inet_ntop uses sprintf, which is slow for a thousand addresses.
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        if (i > 0) text.at(length++) = '.';
        char* const end = std::to_chars(&text.at(length), text.data() + text.size(), bytes_[i]).ptr;
        length = static_cast<std::size_t>(end - text.data());
    }
    return {text.data(), length};
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) return std::nullopt;
    if (slash == std::string_view::npos) return host(*address);
    const std::string_view digits = text.substr(slash + 1);
    std::uint8_t length = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    const bool leading_zero = digits.size() > 1 && digits.front() == '0';
    if (error != std::errc{} || end != digits.data() + digits.size() || leading_zero || length > address->bits())
        return std::nullopt;
    return Prefix{*address, length};
}

bool Prefix::contains(const IpAddress& other) const {
    if (other.family() != address.family()) return false;
    const std::size_t whole = length / 8;
    const auto ours = address.bytes();
    const auto theirs = other.bytes();
    if (!std::equal(ours.begin(), ours.begin() + whole, theirs.begin())) return false;
    return length % 8 == 0 || ((ours[whole] ^ theirs[whole]) & (0xff00 >> length % 8) & 0xff) == 0;
}

std::string Prefix::to_string() const { return address.to_string() + '/' + std::to_string(length); }

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
    MacAddress mac;
    if (text.size() != 17) return std::nullopt;
    for (std::size_t i = 0; i < 6; ++i) {
        const char* digits = text.data() + i * 3;
        if (i > 0 && digits[-1] != ':') return std::nullopt;
        const auto [end, error] = std::from_chars(digits, digits + 2, mac.bytes[i], 16);
        if (error != std::errc{} || end != digits + 2) return std::nullopt;
    }
    return mac;
}

std::optional<MacAddress> MacAddress::from_bytes(std::span<const std::uint8_t> bytes) {
    MacAddress mac;
    if (bytes.size() != mac.bytes.size()) return std::nullopt;
    std::ranges::copy(bytes, mac.bytes.begin());
    return mac;
}

std::string MacAddress::to_string() const { return fmt::format("{:02x}", fmt::join(bytes, ":")); }

}  // namespace culvert::netlink
