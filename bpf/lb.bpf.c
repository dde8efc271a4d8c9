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
#include "track.h"
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
 * Whether a flow with this destination chooses anew. Connections of a sorry backend end by themselves. UDP has none: a
 * client that keeps its port would stay there for ever.
 */
static __always_inline int is_over(const struct lb_dest_body *dest, const struct packet *p)
{
    if (!dest || dest->action == LB_ACTION_NONE)
        return 1;
    if (!(dest->flags & (LB_DEST_LEFT | LB_DEST_SORRY)))
        return 0;
    return dest->flags & LB_DEST_LEFT || (p->protocol == IPPROTO_UDP && p->kind != PACKET_LATER_FRAGMENT);
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
 * A flow is where its entry says. Without one it is where the Maglev table says, unless its slot is in transition:
 * then it is from before, and with the former backend. A later fragment goes where the first one went. It is dropped if
 * the flow table doesn't know that.
 */
static __always_inline int balance(struct xdp_md *ctx, struct packet *p, int inner6)
{
    const struct lb_dest_body *dest = NULL;
    struct lb_bucket *bucket = NULL;
    __u32 id = 0, tag = flow_tag(p->hash), index, closer;
    int verdict;

    index = (p->service.flags & ~(LB_SERVICE_STICKY | LB_SERVICE_DOWN)) | (p->kind & TRACK_LATER) |
            (p->flags / TCP_SYN & TRACK_SYN) | is_sampled(tag) * TRACK_COUNTED;
    if (p->service.transition)
        index |= is_in_transition(p->service.transition, tag) * TRACK_MOVING & TRACK_MOVING;
    index ^= (__u32) * (const volatile __u64 *)&own.zero; /* any number to the verifier, though it is 0 */
    barrier_var(index);
    if (looks_up(index)) {
        bucket = flow_bucket(p->hash);
        if (!bucket)
            return drop(LB_DROP_INTERNAL);
        id = flow_find(bucket, p, tag);
    }
    if (config.dry_run) {
        story.hash = p->hash;
        story.known = id;
        story.service = p->service.dest_base;
    }
    if (id)
        dest = find_dest(id);
    if (is_over(dest, p)) {
        __u32 chosen, former = 0, stores, is_new = (__u32)is_zero(id),
                      from_before = (index / TRACK_MOVING & ~index) & is_new;

        if (p->kind == PACKET_LATER_FRAGMENT)
            return drop(LB_DROP_FRAGMENT);
        stores = gets_entry(index | (is_new ^ 1) * TRACK_COUNTED, p->flags, p->kind) & 1;
        barrier_var(stores);
        index |= stores * TRACK_STORES | begins(index, stores, p->flags) * TRACK_BEGINS;
        barrier_var(index);
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
    if (index & TRACK_STORES)
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
    count_forwarded(id, p->length, index / TRACK_BEGINS & 1);
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
