/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The decapsulator's maps and the functions that every step uses. User space sets max_entries before loading. */
#ifndef CULVERT_BPF_DECAP_MAPS_H
#define CULVERT_BPF_DECAP_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "decap_abi.h"

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct decap_prefix);
    __type(value, __u32);
    __uint(max_entries, 1);
} balancers SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct decap_prefix);
    __type(value, __u32);
    __uint(max_entries, 1);
} vips SEC(".maps");

/* This host's addresses, without the VIPs. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, struct decap_address);
    __type(value, __u32);
    __uint(max_entries, 1);
} own SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, struct decap_port);
    __type(value, struct decap_tunnel);
    __uint(max_entries, 1);
} tunnels SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, struct decap_network);
    __type(value, __u32);
    __uint(max_entries, 1);
} networks SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, struct decap_counters);
    __uint(max_entries, DECAP_KIND_COUNT);
} received SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, __u64);
    __uint(max_entries, DECAP_REASON_COUNT);
} reasons SEC(".maps");

/* Packets that the guard would have dropped, by the same reasons. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, __u64);
    __uint(max_entries, DECAP_REASON_COUNT);
} let_pass SEC(".maps");

static __always_inline int is_own(const struct decap_address *address)
{
    struct decap_address key = *address; /* the verifier of 6.1 requires it on the stack */

    return bpf_map_lookup_elem(&own, &key) != NULL;
}

static __always_inline int is_balancer(const struct decap_address *address)
{
    struct decap_prefix key = {.length = 128, .address = *address};

    return bpf_map_lookup_elem(&balancers, &key) != NULL;
}

static __always_inline int is_vip(const struct decap_address *address)
{
    struct decap_prefix key = {.length = 128, .address = *address};

    return bpf_map_lookup_elem(&vips, &key) != NULL;
}

static __always_inline void count(void *counters, enum decap_reason reason)
{
    __u32 key = reason;
    __u64 *its = bpf_map_lookup_elem(counters, &key);

    if (its)
        (*its)++;
}

static __always_inline int drop(enum decap_reason reason)
{
    count(&reasons, reason);
    return XDP_DROP;
}

static __always_inline void count_received(__u32 kind, __u32 bytes)
{
    struct decap_counters *count = bpf_map_lookup_elem(&received, &kind);

    if (count) {
        count->packets++;
        count->bytes += bytes;
    }
}

#endif
