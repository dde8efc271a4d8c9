/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The flow table: the destination of each flow. abi.h shows the layout of its entries. */
#ifndef CULVERT_BPF_FLOW_H
#define CULVERT_BPF_FLOW_H

#include "maps.h"
#include "packet.h"
#include "stats.h"

extern const volatile struct lb_config config;

/*
 * Where the flow table only counts flows, it has those whose tag has none of these bits. So the time for a packet does
 * not depend on the number of flows. User space sets it by that number.
 */
__u32 sample_mask;

/* The part of the flow table that packets use, as LB_FLOW_PART. */
__u32 flow_part;

/*
 * NH of UMAC (RFC 4418, section 5.2): for a random key, any two five-tuples collide with a probability of at most
 * 2^-32. The last step is the finalizer of MurmurHash3, a bijection that spreads the bits.
 */
static __always_inline __u64 nh(__u32 a, __u32 b, int i)
{
    return (__u64)(__u32)(a + config.hash_key[i]) * (__u32)(b + config.hash_key[i + 1]);
}

static __always_inline __u64 flow_hash_final(__u64 h)
{
    h ^= config.hash_final;
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdULL;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ULL;
    return h ^ (h >> 33);
}

static __always_inline __u64 flow_hash4(__u32 source, __u32 destination, __u32 ports, __u32 protocol)
{
    return flow_hash_final(nh(source, destination, 0) + nh(ports, protocol, 2));
}

static __always_inline __u64 flow_hash6(const __u32 *source, const __u32 *destination, __u32 ports, __u32 protocol)
{
    return flow_hash_final(nh(ports, protocol, 0) + nh(source[0], source[1], 2) + nh(source[2], source[3], 4) +
                           nh(destination[0], destination[1], 6) + nh(destination[2], destination[3], 8));
}

/* The hash that all fragments of a packet share. The high bit of the last word distinguishes it from a five-tuple's. */
#define FRAGMENTS (1u << 31)

static __always_inline __u64 fragments_hash4(__u32 source, __u32 destination, __u32 id, __u32 protocol)
{
    return flow_hash4(source, destination, id, protocol | FRAGMENTS);
}

static __always_inline __u64 fragments_hash6(const __u32 *source, const __u32 *destination, __u32 id)
{
    return flow_hash6(source, destination, id, FRAGMENTS);
}

static __always_inline __u32 flow_tag(__u64 hash)
{
    __u32 tag = (__u32)(hash >> 32) & ~((1u << LB_FLOW_STATE_BITS) - 1);

    return tag ? tag : 1u << LB_FLOW_STATE_BITS; /* else an empty entry would look like a hit */
}

/* 1 for zero, 0 for anything below 2^63, without a branch. The barrier keeps clang from making one. */
static __always_inline __u64 is_zero(__u64 value)
{
    value--;
    barrier_var(value);
    return value >> 63;
}

static __always_inline __u32 is_sampled(__u32 tag)
{
    return (__u32)is_zero(tag & *(volatile __u32 *)&sample_mask);
}

static __always_inline __u64 flow_now(void)
{
    return bpf_jiffies64() >> config.time_shift << LB_FLOW_TIME_SHIFT;
}

static __always_inline __u32 present_part(void)
{
    return *(volatile __u32 *)&flow_part;
}

static __always_inline __u32 flow_index(__u64 hash, __u32 shift)
{
    __u32 mask = config.bucket_mask;

    return lb_flow_index((__u32)hash, (__u32)(hash >> 32), mask, mask >> shift);
}

static __always_inline struct lb_bucket *flow_bucket(__u64 hash)
{
    __u32 index = flow_index(hash, LB_FLOW_PART_SHIFT(present_part()));

    return bpf_map_lookup_elem(&flows, &index);
}

/* 1 if the entry is the flow's. */
static __always_inline int is_flow(__u64 entry, __u32 tag)
{
    return ((__u32)entry ^ tag) < 1u << LB_FLOW_STATE_BITS;
}

#define NOWHERE (~0u)

/* While the part changes: bucket and way of a flow in the former part. Not static, so it is verified once. */
__noinline __u32 flow_former_place(__u64 hash)
{
    __u32 index = flow_index(hash, LB_FLOW_PART_FORMER(present_part())), tag = flow_tag(hash), way;
    struct lb_bucket *bucket = bpf_map_lookup_elem(&flows, &index);

    if (!bucket)
        return NOWHERE;
#pragma unroll
    for (way = 0; way < LB_FLOW_WAYS; way++)
        if (is_flow(*(volatile __u64 *)&bucket->entry[way], tag))
            return index * LB_FLOW_WAYS + way;
    return NOWHERE;
}

static __always_inline void flow_write(struct lb_bucket *bucket, __u32 way, __u64 entry)
{
    if (config.dry_run)
        return;
    *(volatile __u64 *)&bucket->entry[way & (LB_FLOW_WAYS - 1)] = entry;
}

/*
 * The entry after the first packet in a new time unit, already marked as used: the flow has lasted. A packet with data
 * also shows that no FIN or RST was the end: no data follows a FIN, and nothing answers a RST.
 */
static __always_inline __u64 flow_lasts(__u64 entry, const struct packet *p)
{
    if (~entry & LB_FLOW_AGE_MAX * LB_FLOW_AGE)
        entry += LB_FLOW_AGE;
    if (has_data(p) && !is_closing(p))
        entry &= ~(__u64)LB_FLOW_CLOSING;
    return entry;
}

/*
 * The destination of a known flow, or 0. Marks the entry as used now, except for an ICMP error, which anybody can send,
 * and for later fragments, which arrive together with the first. A SYN for a closing flow starts a new one: it frees
 * the entry, and the flow is unknown.
 */
static __always_inline __u32 flow_find(struct lb_bucket *bucket, const struct packet *p, __u32 tag)
{
    __u64 entry = 0, used;
    __u32 way, place, part, index;

#pragma unroll
    for (way = 0; way < LB_FLOW_WAYS; way++) {
        entry = *(volatile __u64 *)&bucket->entry[way];
        if (is_flow(entry, tag))
            goto found;
    }
    part = present_part();
    if (LB_FLOW_PART_SHIFT(part) == LB_FLOW_PART_FORMER(part))
        return 0;
    place = flow_former_place(p->hash);
    index = place / LB_FLOW_WAYS;
    way = place % LB_FLOW_WAYS;
    bucket = place == NOWHERE ? NULL : bpf_map_lookup_elem(&flows, &index);
    if (!bucket)
        return 0;
    entry = *(volatile __u64 *)&bucket->entry[way];
    if (!is_flow(entry, tag))
        return 0;

found:
    if (p->kind & (PACKET_ICMP_ERROR | PACKET_LATER_FRAGMENT))
        return (__u32)(entry >> LB_FLOW_DEST_SHIFT) & (LB_DEST_MAX - 1);
    if (is_opening(p) && entry & LB_FLOW_CLOSING) {
        flow_write(bucket, way, 0);
        return 0;
    }
    used = (entry & ((1ULL << LB_FLOW_TIME_SHIFT) - 1)) | flow_now() | LB_FLOW_SEEN;
    if (is_closing(p))
        used |= LB_FLOW_CLOSING;
    if (used != entry)
        flow_write(bucket, way, (used ^ entry) >> LB_FLOW_TIME_SHIFT ? flow_lasts(used, p) : used);
    return (__u32)(entry >> LB_FLOW_DEST_SHIFT) & (LB_DEST_MAX - 1);
}

/* LB_FLOW_RANK of every state, four bits each. */
#define FLOW_RANKS_OF(first)                                                                                           \
    (LB_FLOW_RANK((first) + 0u) | LB_FLOW_RANK((first) + 1u) << 4 | LB_FLOW_RANK((first) + 2u) << 8 |                  \
     LB_FLOW_RANK((first) + 3u) << 12)
#define FLOW_RANKS (FLOW_RANKS_OF(0) | FLOW_RANKS_OF(4) << 16 | FLOW_RANKS_OF(8) << 32 | FLOW_RANKS_OF(12) << 48)

/*
 * The priority of an entry for eviction. First the flow's own entry of a destination that is gone, as it would hide the
 * new one; then free entries; then by the rank of the state; then by the idle time. Among equals the first way wins:
 * the lowest bits have its number, inverted.
 */
#define FLOW_WAY_BITS 3

static __always_inline __u64 flow_rank(__u64 entry, __u64 now, __u32 tag, __u32 way)
{
    __u64 idle = (now | ((1ULL << LB_FLOW_TIME_SHIFT) - 1)) - entry, state = entry & ((1u << LB_FLOW_STATE_BITS) - 1);
    __u64 rank = is_zero(((__u32)entry ^ tag) >> LB_FLOW_STATE_BITS) << 1 | is_zero((__u32)entry);

    rank = rank << 4 | (FLOW_RANKS >> 4 * state & 0xf);
    return (rank << LB_FLOW_TIME_BITS | idle >> LB_FLOW_TIME_SHIFT) << FLOW_WAY_BITS | (LB_FLOW_WAYS - 1 - way);
}

/* Enters a flow. No branch depends on the entries, as no CPU could predict it. Not static, so it is verified once. */
__noinline int flow_store(struct lb_bucket *bucket, __u64 hash, __u32 dest, __u32 state)
{
    __u64 now = flow_now();
    __u32 tag = flow_tag(hash);
    __s64 best = 0, more, less;
    __u32 way;

    if (!bucket)
        return 0;
#pragma unroll
    for (way = 0; way < LB_FLOW_WAYS; way++) {
        more = (__s64)flow_rank(*(volatile __u64 *)&bucket->entry[way], now, tag, way) - best;
        less = more >> 63;
        barrier_var(less); /* else clang recognizes a maximum and makes it a branch */
        best += more & ~less;
    }
    if (best < (__s64)LB_FLOW_RANK_CLOSING << (FLOW_WAY_BITS + LB_FLOW_TIME_BITS))
        count_event(LB_EVENT_EVICTED);
    flow_write(bucket, ~(__u32)best, now | (__u64)dest << LB_FLOW_DEST_SHIFT | tag | state);
    return 1;
}

#endif
