// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/prefix_filter.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <set>
#include <vector>

namespace culvert::lbd {
namespace {

/// The bytes that the filter looks at.
constexpr unsigned most_bits = 64;

unsigned length_of(const netlink::Prefix& network) { return std::min<unsigned>(network.length, most_bits); }

/// The first bits of an address, as the filter's mask has them in memory.
std::uint64_t mask_of_length(unsigned length) {
    std::array<std::uint8_t, most_bits / 8> bytes{};
    for (unsigned bit = 0; bit < length; ++bit) bytes[bit / 8] |= static_cast<std::uint8_t>(0x80U >> bit % 8);
    return std::bit_cast<std::uint64_t>(bytes);
}

std::uint64_t first_bytes(const netlink::IpAddress& address) {
    const auto bytes = address.bytes();
    std::uint64_t first = 0;
    std::memcpy(&first, bytes.data(), std::min(bytes.size(), sizeof first));
    return first;
}

/// The lengths that are looked for. If there are too many, those closest to each other become one, the shorter.
std::vector<unsigned> lengths_of(std::span<const netlink::Prefix> networks) {
    std::set<unsigned> all;
    for (const netlink::Prefix& network : networks) all.insert(length_of(network));
    std::vector<unsigned> lengths(all.begin(), all.end());
    while (lengths.size() > LB_FILTER_MASKS) {
        auto longer = std::next(lengths.begin());
        for (auto at = longer; at != lengths.end(); ++at)
            if (*at - *std::prev(at) < *longer - *std::prev(longer)) longer = at;
        lengths.erase(longer);
    }
    return lengths;
}

}  // namespace

lb_prefix_filter prefix_filter(std::span<const netlink::Prefix> networks) {
    lb_prefix_filter filter{};
    const std::vector<unsigned> lengths = lengths_of(networks);
    if (lengths.empty()) {
        // No address has a bit, as none is set.
    } else if (lengths.front() == 0) {
        std::ranges::fill(filter.bits, ~std::uint64_t{0});  // each address is in this network
    } else {
        std::ranges::fill(filter.mask, mask_of_length(lengths.front()));
        std::ranges::transform(lengths, filter.mask, mask_of_length);
    }
    for (const netlink::Prefix& network : networks) {
        const unsigned length = *std::prev(std::ranges::upper_bound(lengths, length_of(network)));
        const std::uint64_t bit = lb_filter_bit(first_bytes(network.address) & mask_of_length(length));
        filter.bits[bit / 64] |= std::uint64_t{1} << bit % 64;
    }
    return filter;
}

}  // namespace culvert::lbd
