// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "bpf/abi.h"

/// Entries of the flow table that move to other buckets, while packets use them.
namespace culvert::lbd {

/// The part of the flow table that packets use: see abi.h. `shift`: the present one, `former`: the one that may have
/// entries yet.
struct FlowPart {
    unsigned shift = 0;
    unsigned former = 0;
    bool operator==(const FlowPart&) const = default;

    [[nodiscard]] bool is_changing() const { return shift != former; }
};

/// How often a table of this many buckets can be halved.
[[nodiscard]] unsigned most_halved(std::size_t buckets);

/// Moves entries from the former part to the present one. Packets look there first, and store nowhere else. So no
/// packet misses an entry that has a copy there before it is gone from here.
class FlowMoves {
  public:
    /// `map`: all buckets. `now`: in units of FlowClock.
    FlowMoves(std::span<lb_bucket> map, FlowPart part, std::uint16_t now) : map_(map), part_(part), now_(now) {}

    /// The buckets to move entries from.
    struct Range {
        std::size_t begin = 0;
        std::size_t end = 0;
    };
    [[nodiscard]] static Range range(std::size_t buckets, FlowPart part);

    /// Copies the entries of these buckets. In a larger part, one takes the place that a packet would take. In a
    /// smaller part only a free one, as nobody needs that part. False if one has no place.
    bool copy(Range buckets);
    /// Call when all packets have ended that were being processed during the last call. Frees the entries that were
    /// copied. False if a packet has overwritten a copy, which it did not see: it was made again. Wait, and call again.
    bool free_copied();

  private:
    struct Copy {
        __u64* from = nullptr;
        __u64* to = nullptr;  ///< null: there is no copy, as it was not needed
        std::uint64_t entry = 0;
        std::size_t bucket = 0;
    };

    bool copy(__u64& from, std::uint64_t entry, std::size_t bucket);
    /// Which entries don't give way to this one: those up to this eviction priority.
    [[nodiscard]] std::uint64_t most(std::uint64_t entry) const;

    std::span<lb_bucket> map_;
    FlowPart part_;
    std::uint16_t now_;
    std::vector<Copy> copies_;
};

/// Where the index of a bucket comes from: as abi.h says, or from the hash alone, as in the former ABI version.
enum class FlowIndex : std::uint8_t { of_tag, of_hash };

/// Copies flows into another table, which may have another size. Both are used whole. Flows that it has already stay.
/// If the table grows, an entry is copied to each bucket that its flow may belong to. If it shrinks and a bucket is
/// full, the entries with the highest eviction priority are lost. `now` is in units of FlowClock.
void copy_flows(std::span<lb_bucket> from, std::span<lb_bucket> to, std::uint16_t now,
                FlowIndex index = FlowIndex::of_tag);

/// Calls `use` for each bucket of a table that a flow may belong to. `low`: of the flow's hash the bits `known`.
void for_each_bucket_of(std::uint32_t low, std::uint32_t known, std::uint32_t tag, std::size_t buckets, unsigned shift,
                        const std::function<void(std::size_t bucket)>& use);
/// The lower bits of a flow's hash that the place of its entry tells, in a table of this many buckets.
[[nodiscard]] std::uint32_t known_of_hash(std::size_t buckets);

/// An entry of another balancer's flow table.
struct ForeignEntry {
    std::uint64_t entry = 0;
    std::uint32_t low = 0;    ///< the bits known_of_hash() of the flow's hash
    std::size_t buckets = 0;  ///< of that table
};
/// Whether it takes the place of an own entry of its flow.
using Replaces = std::function<bool(std::size_t place, std::uint64_t own)>;
/// `own`: the own entry of the flow that was there; 0: none. `is_foreign`: now the foreign one is.
using Entered = std::function<void(std::size_t place, std::uint64_t own, bool is_foreign)>;
/// Enters it where packets look for its flow: into each bucket that this may be, if the other table is smaller.
/// `map`: all buckets; packets use the first of them, `shift` as in FlowPart. Calls `entered` for each place, with its
/// number.
void enter_flow(std::span<lb_bucket> map, unsigned shift, const ForeignEntry& foreign, std::uint16_t now,
                const Replaces& replaces, const Entered& entered);

}  // namespace culvert::lbd
