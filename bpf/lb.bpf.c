/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The balancer: VIP, flow table, Maglev table, destination, encapsulation. */
#include "flow.h"
#include "forward.h"
#include "icmp.h"
#include "maps.h"
#include "packet.h"
#include "packet_latency.h"
#include "parse.h"
#include "parse4.h"
#include "parse6.h"
#include "stats.h"
#include "transition.h"
#include "unfinished.h"

const volatile struct lb_config config;

/* Set by the program `jiffies`. User space derives the kernel's HZ from it. */
__u64 jiffies_now;

/* Of the last dry run. */
struct lb_story story;

/* The Maglev table's choice for a flow: an id, 0 if no backend takes new flows. */
static __always_inline __u32 choose(const struct packet *p)
{
    __u32 slot = (__u32)lb_slot(flow_tag(p->choice), p->service.ring_size);
    __u32 line = p->service.ring + slot / LB_RING_LINE;
    struct lb_ring_line *entries;

    if (!p->service.ring_size)
        return 0;
    entries = bpf_map_lookup_elem(&rings, &line);
    if (!entries)
        return 0;
    if (config.dry_run) {
        story.table_size = p->service.ring_size;
        story.slot = slot;
        story.chosen = p->service.dest_base + entries->dest[slot % LB_RING_LINE];
    }
    return p->service.dest_base + entries->dest[slot % LB_RING_LINE];
}

/*
 * Connections of a sorry backend end by themselves. UDP has none: a client that keeps its port would stay there for
 * ever.
 */
static __always_inline int is_sorry(const struct lb_dest_body *dest, const struct packet *p)
{
    return dest->flags & LB_DEST_SORRY && p->protocol == IPPROTO_UDP && p->kind != PACKET_LATER_FRAGMENT;
}

/* Result of look_closer(), above the range of a sum. */
#define DROPPED 0x10000u
#define DOES_NOT_FIT 0x20000u

/*
 * Checks packets longer than `mtu`, and all packets where unfinished checksums occur. Returns their pseudo-header's sum
 * as unfinished_sum() does. A packet longer than the MTU of its interface is several packets, merged on the way in. The
 * verifier sees one number as its result, and one path.
 */
__noinline __u32 look_closer(struct xdp_md *ctx, __u32 l3, __u32 length, __u32 l4, __u32 mtu)
{
    __u32 own_mtu = length, pseudo;

    if ((length > mtu || unfinished() == LB_UNFINISHED_KERNEL) &&
        bpf_check_mtu(ctx, 0, &own_mtu, 0, 0) == BPF_MTU_CHK_RET_FRAG_NEEDED) {
        drop(LB_DROP_MERGED);
        return DROPPED;
    }
    if (length > mtu)
        return DOES_NOT_FIT;
    pseudo = unfinished_sum(ctx, l3, length, l4);
    if (pseudo && unfinished() == LB_UNFINISHED_HERE) {
        drop(LB_DROP_UNFINISHED);
        return DROPPED;
    }
    return (__u16)pseudo;
}

/*
 * What decides about a flow. There are no branches on the way to these numbers, and the verifier knows none of them, so
 * they make no paths for it. They are no functions of their own, as a call takes 10 ns.
 */
struct question {
    __u32 kind;    /* of the packet */
    __u32 flags;   /* likewise */
    __u32 service; /* enum lb_service_flag */
    __u32 sampled; /* 1: a flow that is counted, where only some are */
    __u32 moving;  /* 1: its slot is in transition */
};

/* 1 if the value has the bit, else 0. */
#define HAS(value, bit) ((__u32)(value) / (__u32)(bit)&1)

/* Whether the flow table is read: the flow's own entry decides, or it is counted by it. */
static __always_inline __u32 looks_up(const struct question *q)
{
    __u32 counted = HAS(q->service, LB_SERVICE_ALL) | q->sampled, result;

    /* All flows of a settled slot are with one backend. An opening packet would only find a flow that has ended. */
    result = counted & ~HAS(q->service, LB_SERVICE_NEVER) & ~HAS(q->flags, TCP_SYN);
    result =
        (result | q->moving | HAS(q->service, LB_SERVICE_EACH) | (__u32)is_zero(q->kind ^ PACKET_LATER_FRAGMENT)) & 1;
    barrier_var(result); /* else clang makes branches of it */
    return result;
}

/* Whether the flow gets an entry; only if the flow table was read. `known`: it has one, of a backend that is gone. */
static __always_inline __u32 gets_entry(const struct question *q, __u32 known)
{
    __u32 syn = HAS(q->flags, TCP_SYN), result;
    __u32 tracked = HAS(q->service, LB_SERVICE_EACH) | HAS(q->service, LB_SERVICE_ALL) | q->sampled;

    /* Without a transition a SYN stores nothing, so a flood of them evicts nothing. In one, a connection without an
       entry is from before. */
    result = syn & q->moving & ~HAS(q->flags, TCP_ACK);
    result |= ~syn & ~HAS(q->service, LB_SERVICE_NEVER) & (tracked | ~(__u32)is_zero(known));
    result &= ~HAS(q->flags, TCP_FIN) & ~HAS(q->flags, TCP_RST) & ~(__u32)is_zero(q->kind ^ PACKET_ICMP_ERROR) & 1;
    barrier_var(result);
    return result;
}

/*
 * A flow is where its entry says. Without one it is where the Maglev table says, unless its slot is in transition:
 * then it is from before, and with the former backend. A later fragment goes where the first one went. It is dropped if
 * the flow table doesn't know that.
 */
static __always_inline int balance(struct xdp_md *ctx, struct packet *p, int inner6)
{
    const struct lb_dest_body *dest = NULL;
    struct lb_bucket *bucket = NULL;
    __u32 any = (__u32) * (const volatile __u64 *)&own.zero; /* any number to the verifier, though it is 0 */
    __u32 id = 0, stores = any & 1, closer, each, tag = flow_tag(p->hash);
    struct question q = {
        .kind = p->kind ^ any,
        .flags = p->flags ^ any,
        .service = p->service.flags ^ any,
        .sampled = is_sampled(tag),
        .moving = any & 1,
    };
    int verdict;

    if (p->service.transition)
        q.moving = is_in_transition(p->service.transition, tag) & 1;
    if (looks_up(&q)) {
        bucket = flow_bucket(p->hash);
        if (!bucket)
            return drop(LB_DROP_INTERNAL);
        id = flow_find(bucket, p);
    }
    if (config.dry_run) {
        story.hash = p->hash;
        story.known = id;
        story.service = p->service.dest_base;
    }
    if (id)
        dest = find_dest(id);
    if (is_left(dest) || is_sorry(dest, p)) {
        __u32 former = 0, from_before, chosen;

        if (p->kind == PACKET_LATER_FRAGMENT)
            return drop(LB_DROP_FRAGMENT);
        stores = gets_entry(&q, id);
        from_before = q.moving & (__u32)is_zero(id) & ~HAS(q.flags, TCP_SYN);
        barrier_var(from_before);
        if (from_before) {
            former = former_dest(p->service.transition, tag, p->service.dest_base, p->kind != PACKET_ICMP_ERROR);
            if (config.dry_run)
                story.former = former ? former : LB_STORY_NO_FORMER;
        }
        chosen = choose(p);
        id = former | (chosen & (__u32)-is_zero(former));
        barrier_var(id);
        dest = id ? find_dest(id) : NULL;
        if (is_left(dest))
            return drop(p->service.flags & LB_SERVICE_DOWN ? LB_DROP_SERVICE_DOWN : LB_DROP_NO_BACKEND);
    }
    if (dest->action == LB_ACTION_DROP)
        return drop(dest->reason);
    closer = unfinished(); /* any number to the verifier, though it is 0 */
    if (closer || p->length > dest->mtu)
        closer = look_closer(ctx, p->l2_length, p->length, l4_of(p), dest->mtu);
    if (closer & DROPPED)
        return XDP_DROP;
    if (closer & DOES_NOT_FIT) {
        if (!may_be_answered(p))
            return drop(LB_DROP_TOO_BIG);
        return ANSWER(inner6 ? too_big6(ctx, p->l2_length, p->length, l4_of(p), dest->mtu)
                             : too_big4(ctx, p->l2_length, p->length, l4_of(p), dest->mtu));
    }
    p->pseudo = (__u16)closer;
    if (stores)
        flow_store(flow_bucket(p->hash), p->hash, id, 0);
    if (p->kind == PACKET_FIRST_FRAGMENT) {
        bucket = flow_bucket(p->fragments);
        /* "Closing": the entry is soon useless and the first to be evicted. */
        if (bucket)
            flow_store(bucket, p->fragments, id, LB_FLOW_CLOSING);
    }
    verdict = forward(ctx, p, dest, inner6);
    if (verdict == XDP_DROP)
        return verdict;
    if (p->kind == PACKET_ICMP_ERROR)
        count_event(LB_EVENT_ICMP_ERROR);
    /* A SYN with ACK is the reflection of somebody else's SYN. */
    each = HAS(q.service, LB_SERVICE_EACH);
    count_forwarded(id, p->length, (each & stores) | (~each & HAS(q.flags, TCP_SYN) & ~HAS(q.flags, TCP_ACK)));
    return verdict;
}

static __always_inline int walk(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
    struct packet p = {};
    int verdict;

    switch (parse_ethernet(ctx, &p, &data, &data_end)) {
    case bpf_htons(ETH_P_IP):
        if (!config.ipv4)
            return XDP_PASS;
        verdict = parse_ipv4(ctx, &p, data, data_end);
        return verdict == GO_ON ? balance(ctx, &p, 0) : verdict;
    case bpf_htons(ETH_P_IPV6):
        if (!config.ipv6)
            return XDP_PASS;
        verdict = parse_ipv6(ctx, &p, data, data_end);
        return verdict == GO_ON ? balance(ctx, &p, 1) : verdict;
    }
    return XDP_PASS;
}

SEC("xdp")
int lb(struct xdp_md *ctx)
{
    __u64 begin = 0;
    int verdict;

    if (config.latency) {
        struct lb_latency *own = own_latency();

        if (!own)
            return drop(LB_DROP_INTERNAL);
        begin = latency_begin(own);
    }
    verdict = walk(ctx);
    if (begin)
        latency_end(begin, verdict);
    return verdict;
}

SEC("xdp")
int jiffies(struct xdp_md *ctx __attribute__((unused)))
{
    jiffies_now = bpf_jiffies64();
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
