// SPDX-License-Identifier: Apache-2.0
#include "lbd/datapath/flow_moves.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include "lbd/datapath/flow_table.hpp"

namespace culvert::lbd {
namespace {

std::uint64_t load(__u64& word) { return std::atomic_ref(word).load(std::memory_order_relaxed); }

bool replace(__u64& word, std::uint64_t seen, std::uint64_t entry) {
    __u64 expected = seen;
    return std::atomic_ref(word).compare_exchange_strong(expected, entry, std::memory_order_relaxed);
}

bool are_of_same_flow(std::uint64_t one, std::uint64_t other) {
    return one != 0 && other != 0 && decode_flow(one).tag == decode_flow(other).tag;
}

/// The eviction priority of an entry; see bpf/flow.h.
std::uint64_t willingness(const Flow& flow, std::uint16_t now) {
    if (flow.dest == 0) return UINT64_MAX;
    return LB_FLOW_RANK(unsigned{flow.state}) << LB_FLOW_TIME_BITS | FlowClock::age(flow.time, now);
}

/// Where an entry of a bucket is or can be. Null: all entries there have to stay.
struct Place {
    __u64* word = nullptr;
    std::uint64_t seen = 0;  ///< its content
    bool is_flow = false;    ///< which is of the same flow
};

/// Entries give way whose eviction priority is higher than `most`.
Place place_for(std::uint64_t entry, lb_bucket& bucket, std::uint16_t now, std::uint64_t most) {
    Place best;
    for (__u64& word : bucket.entry) {
        const std::uint64_t seen = load(word);
        if (are_of_same_flow(seen, entry)) return {.word = &word, .seen = seen, .is_flow = true};
        const std::uint64_t willing = willingness(decode_flow(seen), now);
        if (willing <= most) continue;
        most = willing;
        best = {.word = &word, .seen = seen};
    }
    return best;
}

/// Enters an entry into a bucket, unless its flow has one there. Packets may take the same place at the same time.
Place put(std::uint64_t entry, lb_bucket& bucket, std::uint16_t now, std::uint64_t most) {
    for (;;) {
        const Place place = place_for(entry, bucket, now, most);
        if (place.word == nullptr || place.is_flow || replace(*place.word, place.seen, entry)) return place;
    }
}

std::uint32_t mask_of(std::size_t buckets) { return static_cast<std::uint32_t>(buckets) - 1; }

}  // namespace

std::uint32_t known_of_hash(std::size_t buckets) {
    const std::uint32_t mask = mask_of(buckets);
    return mask & ~lb_flow_index_of_tag(mask);
}

void for_each_bucket_of(std::uint32_t low, std::uint32_t known, std::uint32_t tag, std::size_t buckets, unsigned shift,
                        const std::function<void(std::size_t bucket)>& use) {
    const std::uint32_t mask = mask_of(buckets), of_hash = known_of_hash(buckets);
    for (std::uint64_t one = low & known & of_hash; one <= of_hash; one += std::uint64_t{known} + 1)
        use(std::size_t{lb_flow_index(static_cast<std::uint32_t>(one), tag, mask, mask >> shift)});
}

unsigned most_halved(std::size_t buckets) {
    unsigned shift = 0;
    while (shift < LB_FLOW_MOST_SHIFT && buckets >> shift > LB_FLOW_LEAST_PART) ++shift;
    return shift;
}

FlowMoves::Range FlowMoves::range(std::size_t buckets, FlowPart part) {
    return {.begin = part.shift > part.former ? buckets >> part.shift : 0, .end = buckets >> part.former};
}

std::uint64_t FlowMoves::most(std::uint64_t entry) const {
    constexpr std::uint64_t all_but_free_places = UINT64_MAX - 1;
    return part_.shift > part_.former ? all_but_free_places : willingness(decode_flow(entry), now_);
}

bool FlowMoves::copy(Range buckets) {
    bool all = true;
    const std::uint32_t mask = mask_of(map_.size());
    for (std::size_t i = buckets.begin; i < buckets.end; ++i)
        for (__u64& word : map_[i].entry) {
            const std::uint64_t entry = load(word);
            if (entry == 0) continue;
            const std::size_t bucket =
                lb_flow_index(static_cast<std::uint32_t>(i), decode_flow(entry).tag, mask, mask >> part_.shift);
            if (bucket != i) all &= copy(word, entry, bucket);
        }
    return all;
}

bool FlowMoves::copy(__u64& from, std::uint64_t entry, std::size_t bucket) {
    const Place place = put(entry, map_[bucket], now_, most(entry));
    Copy copy{.from = &from, .to = place.word, .entry = entry, .bucket = bucket};
    if (place.is_flow) {
        const Flow here = decode_flow(entry), there = decode_flow(place.seen);
        if (here.dest == there.dest && FlowClock::age(here.time, now_) < FlowClock::age(there.time, now_))
            replace(*place.word, place.seen, entry);
        copy.to = nullptr;
    }
    copies_.push_back(copy);
    return place.word != nullptr;
}

bool FlowMoves::free_copied() {
    std::vector<Copy> overwritten;
    for (Copy& copy : std::exchange(copies_, {})) {
        const std::uint64_t now = load(*copy.from);
        if (!are_of_same_flow(now, copy.entry)) {
            // A SYN has freed it: the copy, too.
            if (now == 0 && copy.to != nullptr) replace(*copy.to, copy.entry, 0);
            continue;
        }
        const std::uint64_t there = copy.to != nullptr ? load(*copy.to) : 0;
        if (there != 0 && !are_of_same_flow(there, now)) {
            const Place place = put(now, map_[copy.bucket], now_, most(now));
            if (place.word != nullptr && !place.is_flow) {
                overwritten.push_back({.from = copy.from, .to = place.word, .entry = now, .bucket = copy.bucket});
                continue;
            }
        } else if (there != 0 && now != copy.entry) {
            replace(*copy.to, copy.entry, now);  // a packet has used it that did not see the copy
        }
        replace(*copy.from, now, 0);
    }
    copies_ = std::move(overwritten);
    return copies_.empty();
}

void copy_flows(std::span<lb_bucket> from, std::span<lb_bucket> to, std::uint16_t now, FlowIndex index) {
    const std::uint32_t known = index == FlowIndex::of_tag ? known_of_hash(from.size()) : mask_of(from.size());
    for (std::size_t i = 0; i < from.size(); ++i)
        for (__u64& word : from[i].entry) {
            const std::uint64_t entry = load(word);
            if (entry == 0) continue;
            for_each_bucket_of(
                static_cast<std::uint32_t>(i), known, decode_flow(entry).tag, to.size(), 0,
                [&](std::size_t bucket) { put(entry, to[bucket], now, willingness(decode_flow(entry), now)); });
        }
}

void enter_flow(std::span<lb_bucket> map, unsigned shift, const ForeignEntry& foreign, std::uint16_t now,
                const Replaces& replaces, const Entered& entered) {
    const Flow flow = decode_flow(foreign.entry);
    for_each_bucket_of(foreign.low, known_of_hash(foreign.buckets), flow.tag, map.size(), shift,
                       [&](std::size_t bucket) {
                           for (;;) {
                               const Place place = put(foreign.entry, map[bucket], now, willingness(flow, now));
                               if (place.word == nullptr) return;
                               const std::size_t number =
                                   bucket * LB_FLOW_WAYS + static_cast<std::size_t>(place.word - &map[bucket].entry[0]);
                               if (!place.is_flow) return entered(number, 0, true);
                               const bool is_foreign = replaces(number, place.seen);
                               // Else a packet has just used it.
                               if (!is_foreign || replace(*place.word, place.seen, foreign.entry))
                                   return entered(number, place.seen, is_foreign);
                           }
                       });
}

}  // namespace culvert::lbd
