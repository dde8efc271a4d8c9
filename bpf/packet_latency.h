/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The program's time for one packet in LB_LATENCY_EVERY. */
#ifndef CULVERT_BPF_PACKET_LATENCY_H
#define CULVERT_BPF_PACKET_LATENCY_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "own.h"

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, struct lb_latency);
    __uint(max_entries, 1);
} latency SEC(".maps");

static __always_inline struct lb_latency *own_latency(void)
{
    __u32 key = 0;

    return bpf_map_lookup_elem(&latency, &key);
}

/*
 * The time, nanoseconds; 0 if this packet is not measured. The 0 is read from memory, so to the verifier it is any
 * number, as the time is; for a constant 0 it would walk the rest of the program twice. It is in `own`, which each
 * program has for itself: the map of latencies is taken over, and earlier programs wrote other numbers into it. Not a
 * call: returning takes 10 ns on CPUs with the SRSO mitigation.
 */
static __always_inline __u64 latency_begin(struct lb_latency *latencies)
{
    __u64 begin = *(const volatile __u64 *)&own.zero;

    if (latencies->left-- == 0) {
        latencies->left = LB_LATENCY_EVERY - 1;
        begin = bpf_ktime_get_ns();
    }
    return begin;
}

__noinline int latency_end(__u64 begin, int verdict)
{
    __u64 took = bpf_ktime_get_ns() - begin;
    struct lb_latency *own = own_latency();
    __u32 bucket = 0;

    if (!own || (verdict != XDP_TX && verdict != XDP_REDIRECT))
        return 0;
    while (bucket < LB_LATENCY_BUCKETS - 1 && took > 1ULL << bucket)
        bucket++;
    own->sum += took;
    own->bucket[bucket]++;
    return 1;
}

#endif
