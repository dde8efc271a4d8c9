// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "bench/cluster/options.hpp"

namespace culvert::bench::cluster {

/// The number that a balancer has from its start to its end; 0: none.
using Run = std::uint16_t;
using BackendIndex = std::uint16_t;

/// What the flow table of a balancer has for a connection.
struct Entry {
    Tick used = 0;   ///< when it was last used; if it is shared: when others were last told so
    Tick since = 0;  ///< when it was made
    Run run = 0;     ///< of the balancer that made it; 0: there is none
    BackendIndex backend = 0;
};

/// A connection, with the entry of the balancer that had its last packet. A balancer that had it before needs its entry
/// no more: the connection comes back after `idle` at the earliest.
struct Connection {
    std::uint64_t hash = 0;  ///< of the five-tuple, without a key
    Tick end = 0;
    Entry entry;
    BackendIndex backend = 0;
    std::uint8_t deaths = 0;  ///< of the backend, when the connection was opened
    bool is_open = false;
};
static_assert(sizeof(Connection) == 32, "10 million of them have to fit into memory");

/// The connections by the time of their next packet.
class Agenda {
  public:
    explicit Agenda(Tick farthest) : buckets_(farthest + 1UL) {}

    /// `at` is later than the time of the last take(), by `farthest` at most.
    void put(const Connection& connection, Tick at) {
        Bucket& bucket = buckets_[at % buckets_.size()];
        if (bucket.blocks.empty() || bucket.in_last == block_size) {
            bucket.blocks.push_back(free_block());
            bucket.in_last = 0;
        }
        (*bucket.blocks.back())[bucket.in_last++] = connection;
    }
    /// Takes out the connections of this time, in the order in which they were put in.
    template <typename Use>
    void take(Tick at, const Use& use) {
        Bucket bucket;
        std::swap(bucket, buckets_[at % buckets_.size()]);
        for (std::size_t i = 0; i < bucket.blocks.size(); ++i) {
            const std::size_t end = i + 1 == bucket.blocks.size() ? bucket.in_last : block_size;
            for (std::size_t k = 0; k < end; ++k) use((*bucket.blocks[i])[k]);
            free_.push_back(std::move(bucket.blocks[i]));
        }
    }
    template <typename Use>
    void each(const Use& use) const {
        for (const Bucket& bucket : buckets_)
            for (std::size_t i = 0; i < bucket.blocks.size(); ++i) {
                const std::size_t end = i + 1 == bucket.blocks.size() ? bucket.in_last : block_size;
                for (std::size_t k = 0; k < end; ++k) use((*bucket.blocks[i])[k]);
            }
    }

  private:
    static constexpr std::size_t block_size = 2048;
    using Block = std::array<Connection, block_size>;
    struct Bucket {
        std::vector<std::unique_ptr<Block>> blocks;
        std::size_t in_last = 0;
    };

    std::unique_ptr<Block> free_block() {
        if (free_.empty()) return std::make_unique<Block>();
        auto block = std::move(free_.back());
        free_.pop_back();
        return block;
    }

    std::vector<Bucket> buckets_;
    std::vector<std::unique_ptr<Block>> free_;
};

/// How many entries a table has. An entry is forgotten some time after its last use.
class EntryCount {
  public:
    explicit EntryCount(Tick kept) : used_(kept + 1UL) {}

    /// An entry is used. `last`: when it was used before, if the table has it still.
    void use(Tick now, bool known, Tick last) {
        if (known)
            --used_[last % used_.size()];
        else if (++present_ > most_)
            most_ = present_;
        ++used_[now % used_.size()];
    }
    /// Call for each tick, before use().
    void begin(Tick now) {
        present_ -= used_[now % used_.size()];
        used_[now % used_.size()] = 0;
    }
    [[nodiscard]] std::uint64_t most() const { return most_; }

  private:
    std::vector<std::uint32_t> used_;  // entries by the time of their last use
    std::uint64_t present_ = 0;
    std::uint64_t most_ = 0;
};

}  // namespace culvert::bench::cluster
