/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The position of the decapsulator in a frame, and the steps forward. */
#ifndef CULVERT_BPF_DECAP_WALK_H
#define CULVERT_BPF_DECAP_WALK_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "csum.h"
#include "decap_maps.h"

/* The result of a step: go on, or an XDP verdict. */
#define GO_ON (-1)

/* Every header begins before this offset: Ethernet with two tags 22, IPv6 48, UDP 8, a tunnel 260, inner Ethernet 14. */
#define OFFSET_MAX 512

#define IP_FRAGMENT 0x3fff /* more fragments, or an offset */
#define IP_OFFSET 0x1fff

/* IPv6 extension headers that are not in linux/in6.h: Mobility (RFC 6275), HIP (RFC 7401), Shim6 (RFC 5533). */
#define NEXTHDR_MOBILITY 135
#define NEXTHDR_HIP 139
#define NEXTHDR_SHIM6 140

extern const volatile struct decap_config config;

struct walk {
    struct decap_address source; /* of the outer header */
    struct decap_address destination;
    __u32 l2;     /* bytes of Ethernet header and tags */
    __u32 offset; /* of the next header in the frame */
    __u32 room;   /* bytes of the outer packet from there on */
    __u8 outer6;
    __u8 tos;    /* outer TOS or traffic class */
    __u8 kind;   /* enum decap_kind */
    __u8 inner;  /* enum decap_inner: what the tunnel may carry */
    __u8 next;   /* IP protocol of the next header */
    __u8 inner6; /* the inner packet's family, once known */
    __be16 port; /* outer UDP destination port */
    __u8 caught; /* 1: the guard found a reason but let it pass */
};

/* The guard found a reason to drop. True if the packet must be dropped, and counts it. A packet has only one reason. */
static __always_inline int is_stopped(struct walk *w, enum decap_reason reason)
{
    if (config.guard == DECAP_GUARD_OFF)
        return 0;
    if (config.guard == DECAP_GUARD_LOG) {
        if (!w->caught)
            count(&let_pass, reason);
        w->caught = 1;
        return 0;
    }
    drop(reason);
    return 1;
}

/* `size` bytes at `offset`, NULL if the frame ends before. */
static __always_inline void *at(const struct xdp_md *ctx, __u32 offset, __u32 size)
{
    void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;

    barrier_var(offset); /* else clang checks one copy and uses another, and the verifier of 6.1 loses the bound */
    if (offset > OFFSET_MAX)
        return NULL;
    data += offset;
    return data + size > data_end ? NULL : data;
}

/* The next header, `size` bytes, NULL if the outer packet ends before. */
static __always_inline void *peek(const struct xdp_md *ctx, const struct walk *w, __u32 size)
{
    return w->room < size ? NULL : at(ctx, w->offset, size);
}

static __always_inline void skip(struct walk *w, __u32 size)
{
    w->offset += size;
    w->room -= size;
}

/* As peek(), and advances behind the header. */
static __always_inline void *take(const struct xdp_md *ctx, struct walk *w, __u32 size)
{
    void *header = peek(ctx, w, size);

    skip(w, size);
    return header;
}

static __always_inline struct decap_address from_ipv4(__u32 address)
{
    return (struct decap_address){{0, 0, bpf_htonl(0xffff), address}};
}

static __always_inline struct decap_address from_ipv6(const struct in6_addr *address)
{
    struct decap_address result;

    __builtin_memcpy(&result, address, sizeof(result));
    return result;
}

static __always_inline int is_tunnel_protocol(__u8 protocol)
{
    return protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6 || protocol == IPPROTO_GRE;
}

static __always_inline int is_extension_header(__u8 next)
{
    switch (next) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_DSTOPTS:
    case IPPROTO_AH:
    case NEXTHDR_MOBILITY:
    case NEXTHDR_HIP:
    case NEXTHDR_SHIM6:
        return 1;
    }
    return 0;
}

#endif
