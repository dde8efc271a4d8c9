// SPDX-License-Identifier: Apache-2.0
#include "tests/packet/flows.hpp"

#include <algorithm>
#include <bit>
#include <ostream>

#include "lbd/plan/template.hpp"

namespace culvert::packet {
namespace {

constexpr std::array<std::uint8_t, 6> backend_mac{2, 0, 0, 0, 1, 0};  // the last byte is the number

/// The inverse of `factor`, an odd number, modulo 2^64 (Newton's iteration doubles the correct bits).
constexpr std::uint64_t inverse(std::uint64_t factor) {
    std::uint64_t x = factor;
    for (int i = 0; i < 6; ++i) x *= 2 - factor * x;
    return x;
}

/// The input for which MurmurHash3's 64-bit finalizer returns `hash`.
constexpr std::uint64_t unmix(std::uint64_t hash) {
    hash ^= hash >> 33;
    hash *= inverse(0xc4ceb9fe1a85ec53);
    hash ^= hash >> 33;
    hash *= inverse(0xff51afd7ed558ccd);
    return hash ^ hash >> 33;
}

}  // namespace

std::uint64_t Entry::word() const {
    return static_cast<std::uint64_t>(time) << 52 | static_cast<std::uint64_t>(dest) << 32 | tag << 4 | age << 2 |
           static_cast<unsigned>(closing) << 1 | static_cast<unsigned>(seen);
}

Entry Entry::from(std::uint64_t word) {
    return {.tag = static_cast<std::uint32_t>(word) >> 4,
            .dest = static_cast<std::uint32_t>(word >> 32) & 0xfffff,
            .time = static_cast<std::uint16_t>(word >> 52),
            .seen = (word & 1) != 0,
            .closing = (word & 2) != 0,
            .age = static_cast<unsigned>(word >> 2 & 3)};
}

void PrintTo(const Entry& entry, std::ostream* out) {
    *out << "{tag " << entry.tag << ", dest " << entry.dest << ", time " << entry.time << (entry.seen ? ", seen" : "")
         << (entry.closing ? ", closing" : "") << ", age " << entry.age << '}';
}

Entries entries(const Balancer& balancer, std::uint32_t bucket) {
    Entries entries;
    std::ranges::transform(balancer.bucket(bucket).entry, entries.begin(), Entry::from);
    return entries;
}

void set_entries(Balancer& balancer, const Entries& entries, std::uint32_t bucket) {
    lb_bucket words{};
    std::ranges::transform(entries, words.entry, &Entry::word);
    balancer.set_bucket(words, bucket);
}

std::size_t used(const Entries& entries) {
    return entries.size() - static_cast<std::size_t>(std::ranges::count(entries, Entry{}));
}

// One factor of each product in the hash is zero, so the products vanish: see flow_hash4.
lb_config with_hash(std::uint64_t hash) {
    lb_config config = all_on();
    config.hash_key[1] = -std::bit_cast<std::uint32_t>(std::array<std::uint8_t, 4>{192, 0, 2, 1});
    config.hash_key[3] = -std::uint32_t{6};
    config.hash_final = unmix(hash);
    return config;
}

lb_dest_body backend(std::uint8_t number) {
    lbd::NextHop next{.ifindex = 1, .source = {}, .destination = {backend_mac}, .from = {}, .mtu = 1500};
    next.destination.bytes[5] = number;
    return lbd::make_body(lbd::L2{}, netlink::Family::ipv4, {}, next);
}

std::string receiver(const Outcome& outcome) {
    if (outcome.fate != "tx" || !std::equal(backend_mac.begin(), backend_mac.end() - 1, outcome.frame.begin()))
        return outcome.fate;
    return "backend " + std::to_string(outcome.frame[5]);
}

Packet segment(std::uint16_t port, unsigned flags) { return Ethernet() / IPv4() / TCP{.source = port, .flags = flags}; }

FlowBalancer::FlowBalancer(const std::vector<std::uint16_t>& ring, const lb_config& config, std::uint32_t buckets)
    : Balancer(config, buckets) {
    for (std::uint8_t number = 1; number <= 3; ++number) set_dest(number, backend(number));
    set_ring(ring);
}

}  // namespace culvert::packet
