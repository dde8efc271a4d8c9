/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Applies the action of a destination to a packet. Clients' packets and health checks share this code. */
#ifndef CULVERT_BPF_FORWARD_H
#define CULVERT_BPF_FORWARD_H

#include "encap.h"
#include "maps.h"
#include "packet.h"
#include "stats.h"

extern const volatile struct lb_config config;

static __always_inline const struct lb_dest_body *find_dest(__u32 id)
{
    struct lb_dest *dest = bpf_map_lookup_elem(&dests, &id);

    if (!dest)
        return NULL;
    return &dest->slot[*(volatile __u32 *)&dest->slot[0].active & 1].body;
}

/* A flow with this destination chooses anew. */
static __always_inline int is_left(const struct lb_dest_body *dest)
{
    return !dest || dest->action == LB_ACTION_NONE || dest->flags & LB_DEST_LEFT;
}

static __always_inline int forward(struct xdp_md *ctx, const struct packet *p, const struct lb_dest_body *dest,
                                   int inner6)
{
    void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
    void *l3 = data + p->l2_length;

    if (inner6) {
        struct ipv6hdr *ip = l3;

        if ((void *)(ip + 1) > data_end)
            return drop(LB_DROP_INTERNAL);
        ip->hop_limit--;
    } else {
        struct iphdr *ip = l3;
        __u32 check;

        if ((void *)(ip + 1) > data_end)
            return drop(LB_DROP_INTERNAL);
        check = ip->check + bpf_htons(0x0100);
        ip->check = (__u16)(check + ((check + 1) >> 16)); /* all ones become zero, too */
        ip->ttl--;
    }

    if (dest->action == LB_ACTION_ENCAP && config.encap)
        return encapsulate(ctx, p, dest, l3, inner6);
    if (dest->action == LB_ACTION_L3DSR && config.l3dsr) {
        if (!(inner6 ? rewrite_ipv6(p, dest, l3, data_end) : rewrite_ipv4(p, dest, l3, data_end)))
            return drop(LB_DROP_INTERNAL);
    } else if (dest->action != LB_ACTION_L2 || !config.l2) {
        return drop(LB_DROP_INTERNAL);
    }
    return replace_ethernet(ctx, p, dest) ? send(p, dest) : drop(LB_DROP_NO_ROOM);
}

#endif
