/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The headers between the outer and the inner IP header. */
#ifndef CULVERT_BPF_DECAP_TUNNEL_H
#define CULVERT_BPF_DECAP_TUNNEL_H

#include "decap_walk.h"

/* The inner packet comes next. An EtherType or an IP protocol gave its family. */
static __always_inline int arrive(struct walk *w, int is_ipv4, int is_ipv6)
{
    if (!(is_ipv4 && w->inner & DECAP_INNER4) && !(is_ipv6 && w->inner & DECAP_INNER6))
        return drop(DECAP_DROP_INNER_PROTOCOL);
    w->inner6 = !!is_ipv6;
    return GO_ON;
}

static __always_inline int arrive_by_type(struct walk *w, __be16 type)
{
    return arrive(w, type == bpf_htons(ETH_P_IP), type == bpf_htons(ETH_P_IPV6));
}

/* RFC 2784 without optional fields (of RFC 2784 or RFC 2890): a balancer doesn't use them. */
struct gre_header {
    __be16 flags; /* and version */
    __be16 type;
};

static __always_inline int walk_gre(const struct xdp_md *ctx, struct walk *w)
{
    const struct gre_header *gre = take(ctx, w, sizeof(*gre));

    if (!gre)
        return drop(DECAP_DROP_TRUNCATED);
    if (gre->flags)
        return drop(DECAP_DROP_GRE_FLAGS);
    w->inner = w->kind == DECAP_GRE ? config.gre[w->outer6 & 1] : DECAP_INNER4 | DECAP_INNER6;
    return arrive_by_type(w, gre->type);
}

static __always_inline int walk_protocol(const struct xdp_md *ctx, struct walk *w, __u8 protocol)
{
    if ((config.gre[0] || config.gre[1] || config.udp_gre) && protocol == IPPROTO_GRE && w->inner & DECAP_INNER_GRE)
        return walk_gre(ctx, w);
    return arrive(w, protocol == IPPROTO_IPIP, protocol == IPPROTO_IPV6);
}

static __always_inline int walk_fou(const struct xdp_md *ctx, struct walk *w)
{
    return walk_protocol(ctx, w,
                         w->inner & DECAP_INNER4   ? IPPROTO_IPIP
                         : w->inner & DECAP_INNER6 ? IPPROTO_IPV6
                                                   : IPPROTO_GRE);
}

/*
 * draft-ietf-intarea-gue-09, section 3: variant, control flag and length of the optional fields in 32-bit words; then
 * the protocol. Variant 1 (section 4) has no header: the IP header follows, and its version takes the place of the
 * variant.
 */
struct gue_header {
    __u8 first;
    __u8 protocol;
    __be16 flags;
};

static __always_inline int walk_gue(const struct xdp_md *ctx, struct walk *w)
{
    const struct gue_header *gue = peek(ctx, w, sizeof(*gue));

    if (!gue)
        return drop(DECAP_DROP_TRUNCATED);
    if (gue->first >> 6 == 1)
        return arrive(w, gue->first >> 4 == 4, gue->first >> 4 == 6);
    if (gue->first >> 6)
        return drop(DECAP_DROP_GUE_VERSION);
    if (gue->first & 0x20)
        return drop(DECAP_DROP_GUE_CONTROL);
    if (gue->first || gue->flags)
        return drop(DECAP_DROP_GUE_FLAGS);
    skip(w, sizeof(*gue));
    return walk_protocol(ctx, w, gue->protocol);
}

/* RFC 8926, section 3.4. */
struct geneve_header {
    __u8 first; /* version, and length of the options in 32-bit words */
    __u8 flags; /* control packet, critical options, reserved */
    __be16 type;
    __be32 vni; /* and 8 reserved bits */
};

/* The inner MAC addresses don't matter: the guard ensures that the packet is for a VIP. */
static __always_inline int walk_geneve(const struct xdp_md *ctx, struct walk *w)
{
    const struct geneve_header *geneve = take(ctx, w, sizeof(*geneve));
    struct decap_network network = {.port = {.port_be = w->port, .outer6 = w->outer6}};
    const struct ethhdr *eth;
    __u32 options;
    __be16 type;

    if (!geneve)
        return drop(DECAP_DROP_TRUNCATED);
    if (geneve->first >> 6)
        return drop(DECAP_DROP_GENEVE_VERSION);
    if (geneve->flags & 0xc0)
        return drop(DECAP_DROP_GENEVE_CONTROL);
    network.vni = bpf_ntohl(geneve->vni) >> 8;
    if (!bpf_map_lookup_elem(&networks, &network))
        return drop(DECAP_DROP_VNI);
    type = geneve->type;
    options = (geneve->first & 0x3f) * 4u;
    if (w->room < options)
        return drop(DECAP_DROP_TRUNCATED);
    skip(w, options);
    if (type != bpf_htons(ETH_P_TEB))
        return arrive_by_type(w, type);
    eth = take(ctx, w, sizeof(*eth));
    if (!eth)
        return drop(DECAP_DROP_TRUNCATED);
    return arrive_by_type(w, eth->h_proto);
}

/* The verifier drops the code of kinds that the program does not have. */
static __always_inline int has_kind(enum decap_kind kind)
{
    return config.kinds >> kind & 1;
}

/* GO_ON if the inner packet comes next. */
__noinline int walk_tunnel(struct xdp_md *ctx, struct walk *w)
{
    if (!w)
        return XDP_PASS;
    if (w->kind != DECAP_IPIP && w->kind != DECAP_GRE) {
        const struct udphdr *udp = take(ctx, w, sizeof(*udp));
        __u32 length;

        if (!udp)
            return drop(DECAP_DROP_TRUNCATED);
        length = bpf_ntohs(udp->len);
        if (length < sizeof(*udp) || length - sizeof(*udp) > w->room)
            return drop(DECAP_DROP_UDP_LENGTH);
        w->room = length - sizeof(*udp);
        if (has_kind(DECAP_FOU) && w->kind == DECAP_FOU)
            return walk_fou(ctx, w);
        if (has_kind(DECAP_GUE) && w->kind == DECAP_GUE)
            return walk_gue(ctx, w);
        if (has_kind(DECAP_GENEVE) && w->kind == DECAP_GENEVE)
            return walk_geneve(ctx, w);
        return drop(DECAP_DROP_INTERNAL);
    }
    return walk_protocol(ctx, w, w->next);
}

#endif
