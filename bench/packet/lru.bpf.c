/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A yardstick: the balancer with its flows in a BPF_MAP_TYPE_LRU_HASH, as other balancers store them. Key and value
 * have katran's shape and size: a five-tuple of either family in 40 bytes, and 16 bytes.
 */
#include "bpf/flow.h"

struct lru_key {
    __u32 client[4]; /* an IPv4 address is in the first word */
    __u32 vip[4];
    __u32 ports;
    __u32 protocol;
};

struct lru_flow {
    __u32 dest;
    __u32 pad;
    __u64 time; /* jiffies */
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __type(key, struct lru_key);
    __type(value, struct lru_flow);
    __uint(max_entries, 1);
} lru_flows SEC(".maps");

static __always_inline int lru_key(struct xdp_md *ctx, const struct packet *p, int inner6, struct lru_key *key)
{
    void *ip = (void *)(long)ctx->data + p->l2_length, *data_end = (void *)(long)ctx->data_end;
    __u32 *ports = ip + (inner6 ? p->l4_offset : sizeof(struct iphdr));

    __builtin_memset(key, 0, sizeof(*key));
    if (ip + (inner6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) > data_end || (void *)(ports + 1) > data_end)
        return 0;
    if (inner6) {
        __builtin_memcpy(key->client, &((struct ipv6hdr *)ip)->saddr, sizeof(key->client));
        __builtin_memcpy(key->vip, &((struct ipv6hdr *)ip)->daddr, sizeof(key->vip));
    } else {
        key->client[0] = ((struct iphdr *)ip)->saddr;
        key->vip[0] = ((struct iphdr *)ip)->daddr;
    }
    key->ports = *ports;
    key->protocol = p->protocol;
    return 1;
}

static __always_inline __u32 lru_find(struct xdp_md *ctx, const struct packet *p, int inner6)
{
    struct lru_flow *flow;
    struct lru_key key;
    __u64 now;

    if (!lru_key(ctx, p, inner6, &key))
        return 0;
    flow = bpf_map_lookup_elem(&lru_flows, &key);
    if (!flow)
        return 0;
    now = bpf_jiffies64();
    if (flow->time != now)
        flow->time = now;
    return flow->dest;
}

static __always_inline void lru_store(struct xdp_md *ctx, const struct packet *p, int inner6, __u32 dest)
{
    struct lru_flow flow = {.dest = dest, .time = bpf_jiffies64()};
    struct lru_key key;

    if (lru_key(ctx, p, inner6, &key))
        bpf_map_update_elem(&lru_flows, &key, &flow, BPF_ANY);
}

/* `ctx`, `p` and `inner6` are those of balance(). */
#define flow_find(bucket, packet, tag) lru_find(ctx, packet, inner6)
#define flow_store(bucket, hash, dest, state) lru_store(ctx, p, inner6, dest)

#include "bpf/lb.bpf.c"
