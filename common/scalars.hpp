// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/encap.hpp"
#include "common/yaml.hpp"
#include "netlink/address.hpp"

/// Readers of single values. Each returns the typed value of a `Value`, or reports the error and returns nothing.
/// Readers with limits are made by a function of the limits, both inclusive.
namespace culvert::common::yaml {

/// Printable text on one line, not empty.
[[nodiscard]] std::optional<std::string> string(const Value& value);

/// `true` or `false`, no other spelling of YAML.
[[nodiscard]] std::optional<bool> boolean(const Value& value);

/// Decimal digits without a leading zero, because YAML readers disagree on whether 010 is 8.
[[nodiscard]] std::optional<std::uint64_t> decimal(std::string_view text);

[[nodiscard]] std::optional<std::uint64_t> number_between(const Value& value, std::string_view noun,
                                                          std::uint64_t least, std::uint64_t most);

template <std::unsigned_integral T>
[[nodiscard]] auto number(std::string_view noun, T least = 0, T most = std::numeric_limits<T>::max()) {
    return [=](const Value& value) -> std::optional<T> {
        if (const auto read = number_between(value, noun, least, most)) return static_cast<T>(*read);
        return std::nullopt;
    };
}

/// 1 to 65535, host order.
[[nodiscard]] std::optional<std::uint16_t> port(const Value& value);

[[nodiscard]] std::optional<netlink::IpAddress> address(const Value& value);

/// The same, or a network of one address: "192.0.2.1/32".
[[nodiscard]] std::optional<netlink::IpAddress> single_address(const Value& value);

/// A network ("192.0.2.0/24") or a single address ("192.0.2.1"). Host bits must be zero.
[[nodiscard]] std::optional<netlink::Prefix> prefix(const Value& value);

/// The name of a network interface, by the kernel's rules
/// (net/core/dev.c, dev_valid_name), without "%d" patterns.
[[nodiscard]] std::optional<std::string> interface_name(const Value& value);

/// At least one, without duplicates.
[[nodiscard]] std::optional<std::vector<std::string>> interface_names(const Value& value);

/// "500ms", "120s", "2m", "1h"
[[nodiscard]] std::optional<std::chrono::milliseconds> duration_between(const Value& value, std::string_view noun,
                                                                        std::chrono::milliseconds least,
                                                                        std::chrono::milliseconds most);

[[nodiscard]] inline auto duration(std::string_view noun, std::chrono::milliseconds least,
                                   std::chrono::milliseconds most) {
    return [=](const Value& value) { return duration_between(value, noun, least, most); };
}

/// The shortest notation: "4M", "65537".
[[nodiscard]] std::string size_text(std::uint64_t size);

/// "4096", "64k", "4M", "1G": k, M and G are 2^10, 2^20 and 2^30.
[[nodiscard]] std::optional<std::uint64_t> size_between(const Value& value, std::string_view noun, std::uint64_t least,
                                                        std::uint64_t most);

/// The index of the value's text in `names`.
[[nodiscard]] std::optional<std::size_t> index_in(const Value& value, const std::vector<std::string_view>& names,
                                                  std::string_view noun);

/// `one_of<XdpMode>("an XDP mode", {{"auto", XdpMode::automatic}, …})`
template <typename T>
[[nodiscard]] auto one_of(std::string_view noun, std::vector<std::pair<std::string_view, T>> choices) {
    return [noun, choices = std::move(choices)](const Value& value) -> std::optional<T> {
        std::vector<std::string_view> names;
        for (const auto& choice : choices) names.push_back(choice.first);
        if (const auto index = index_in(value, names, noun)) return choices[*index].second;
        return std::nullopt;
    };
}

/// "ipip"
[[nodiscard]] std::optional<EncapKind> encap_kind(const Value& value);

/// 1 to 63, also as "0x1c" or by its name (common/dscp.hpp).
[[nodiscard]] std::optional<std::uint8_t> dscp(const Value& value);

}  // namespace culvert::common::yaml
