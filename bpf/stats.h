/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef CULVERT_BPF_STATS_H
#define CULVERT_BPF_STATS_H

#include "maps.h"

static __always_inline int drop(enum lb_reason reason)
{
    __u32 key = reason;
    __u64 *count = bpf_map_lookup_elem(&reasons, &key);

    if (count)
        (*count)++;
    return XDP_DROP;
}

static __always_inline void count_event(enum lb_event event)
{
    __u32 key = event;
    __u64 *count = bpf_map_lookup_elem(&events, &key);

    if (count)
        (*count)++;
}

static __always_inline void count_forwarded(__u32 dest, __u32 bytes, __u32 new_flows)
{
    struct lb_counters *count = bpf_map_lookup_elem(&dest_counters, &dest);

    if (count) {
        count->packets++;
        count->bytes += bytes;
        count->flows += new_flows;
    }
}

#endif
