// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>

#include <algorithm>

#include "bpf/abi.h"
#include "lbd/model/image.hpp"

/// Conversion of VIPs to map keys. `Key` is lb_vip4 or lb_vip6, `PrefixKey` is lb_prefix4 or lb_prefix6.
namespace culvert::lbd {

template <typename Key>
[[nodiscard]] Key program_key(const VipKey& vip) {
    Key key{};
    std::ranges::copy_n(vip.vip.prefix.address.bytes().data(), sizeof key.address, key.address);
    key.port_be = htons(vip.port);
    key.protocol = vip.protocol;
    if (!vip.vip.prefix.is_host()) key.prefix = vip.vip.prefix.length;
    return key;
}

template <typename Key>
[[nodiscard]] VipKey vip_key(const Key& key) {
    const IpAddress address = *IpAddress::from_bytes(key.address);
    const auto prefix = key.prefix == 0 ? netlink::Prefix::host(address) : netlink::Prefix{address, key.prefix};
    return {.vip = prefix, .protocol = key.protocol, .port = ntohs(key.port_be)};
}

/// The key of a VIP in the trie of prefixes.
template <typename PrefixKey>
[[nodiscard]] PrefixKey trie_key(const Vip& vip) {
    PrefixKey key{};
    key.length = vip.prefix.length;
    std::ranges::copy_n(vip.prefix.address.bytes().data(), sizeof key.address, key.address);
    return key;
}

template <typename PrefixKey>
[[nodiscard]] Vip vip(const PrefixKey& key) {
    return netlink::Prefix{*IpAddress::from_bytes(key.address), static_cast<std::uint8_t>(key.length)};
}

}  // namespace culvert::lbd
