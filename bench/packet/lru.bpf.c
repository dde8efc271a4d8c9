/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A yardstick: the balancer with its flows in a BPF_MAP_TYPE_LRU_HASH, as other balancers have them. The key is as short as can be,
 * the hash itself, which favours it.
 */
#include "bpf/flow.h"

struct lru_flow {
    __u32 dest;
    __u32 time; /* jiffies */
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __type(key, __u64);
    __type(value, struct lru_flow);
    __uint(max_entries, 1);
} lru_flows SEC(".maps");

static __always_inline __u32 lru_find(const struct packet *p)
{
    struct lru_flow *flow = bpf_map_lookup_elem(&lru_flows, &p->hash);
    __u32 now;

    if (!flow)
        return 0;
    now = (__u32)bpf_jiffies64();
    if (flow->time != now)
        flow->time = now;
    return flow->dest;
}

static __always_inline void lru_store(__u64 hash, __u32 dest)
{
    struct lru_flow flow = {.dest = dest, .time = (__u32)bpf_jiffies64()};

    bpf_map_update_elem(&lru_flows, &hash, &flow, BPF_ANY);
}

#define flow_find(bucket, p) lru_find(p)
#define flow_store(bucket, hash, dest, state) lru_store(hash, dest)

#include "bpf/lb.bpf.c"
