// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <utility>

#include "netlink/address.hpp"

/// The keys of an encapsulation, as a list. The configuration, `show --json` and `render realserver` loop over that
/// list.
namespace culvert::lbd {

/// Whether the configuration of the backend needs the same key.
enum class Told : std::uint8_t { never, if_not_default, always };

/// A UDP port, host order.
template <typename Encap>
struct PortKey {
    std::string_view name;
    std::uint16_t Encap::*member;
    std::string_view example;  ///< empty: the key is optional
    Told told = Told::always;
};

template <typename Encap, typename Number>
struct NumberKey {
    std::string_view name;
    Number Encap::*member;
    std::string_view noun;  ///< such as "a VNI"
    Number least;
    Number most;
    std::string_view example;  ///< empty: the key is optional
    Told told;
};

/// A DSCP, as a number or a name.
template <typename Encap>
struct DscpKey {
    std::string_view name;
    std::uint8_t Encap::*member;
    std::string_view example;
    Told told = Told::always;
};

/// One of several words. The key is optional.
template <typename Encap, typename T, std::size_t Count>
struct ChoiceKey {
    std::string_view name;
    T Encap::*member;
    std::string_view noun;  ///< such as "a checksum mode"
    std::array<std::pair<std::string_view, T>, Count> choices;
    Told told;

    [[nodiscard]] std::string_view text(T value) const {
        for (const auto& [word, meaning] : choices)
            if (meaning == value) return word;
        return {};
    }
};

/// A MAC address that is shown but cannot be configured.
template <typename Encap>
struct MacKey {
    std::string_view name;
    netlink::MacAddress Encap::*member;
};

/// Calls `visit` with each key of `Encap`, in the order of display.
template <typename Encap, typename Visit>
void for_each_key(Visit&& visit) {
    std::apply([&](const auto&... key) { (visit(key), ...); }, Encap::keys());
}

}  // namespace culvert::lbd
