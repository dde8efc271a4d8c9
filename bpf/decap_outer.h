/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From the frame to the tunnel header: is the packet for a tunnel of ours, and may it pass? */
#ifndef CULVERT_BPF_DECAP_OUTER_H
#define CULVERT_BPF_DECAP_OUTER_H

#include <linux/if_vlan.h>

#include "decap_walk.h"

struct vlan_tag {
    __be16 tci;
    __be16 next; /* EtherType */
};

static __always_inline int is_zero(const struct decap_address *a)
{
    return !(a->word_be[0] | a->word_be[1] | a->word_be[2] | a->word_be[3]);
}

static __always_inline int is_same(const struct decap_address *a, const struct decap_address *b)
{
    return a->word_be[0] == b->word_be[0] && a->word_be[1] == b->word_be[1] && a->word_be[2] == b->word_be[2] &&
           a->word_be[3] == b->word_be[3];
}

/* Whether the UDP datagram is for one of the tunnels. */
static __always_inline int match_port(const struct xdp_md *ctx, struct walk *w)
{
    const struct udphdr *udp = at(ctx, w->offset, sizeof(*udp));
    struct decap_port key = {.outer6 = w->outer6};
    const struct decap_tunnel *tunnel;

    if (!udp)
        return 0;
    key.port_be = udp->dest;
    tunnel = bpf_map_lookup_elem(&tunnels, &key);
    if (!tunnel || (tunnel->peer_port_be && tunnel->peer_port_be != udp->source) ||
        (!is_zero(&tunnel->local) && !is_same(&tunnel->local, &w->destination)) ||
        (!is_zero(&tunnel->peer) && !is_same(&tunnel->peer, &w->source)))
        return 0;
    w->kind = tunnel->kind;
    w->inner = tunnel->inner;
    w->port = key.port_be;
    return 1;
}

/* Whether the packet is for one of the tunnels, judging by its protocol and, if `has_ports`, its port. */
static __always_inline int match(const struct xdp_md *ctx, struct walk *w, int has_ports)
{
    __u8 carries = w->next == IPPROTO_IPIP ? DECAP_INNER4 : w->next == IPPROTO_IPV6 ? DECAP_INNER6 : 0;

    if (carries & config.ipip[w->outer6 & 1]) {
        w->kind = DECAP_IPIP;
        w->inner = carries;
    } else if (w->next == IPPROTO_GRE && config.gre[w->outer6 & 1]) {
        w->kind = DECAP_GRE;
        w->inner = DECAP_INNER_GRE;
    } else if (w->next != IPPROTO_UDP || !config.udp[w->outer6 & 1] || !has_ports || !match_port(ctx, w)) {
        return 0;
    }
    return is_own(&w->destination);
}

static __always_inline int walk_ipv4(const struct xdp_md *ctx, struct walk *w)
{
    const struct iphdr *ip = at(ctx, w->offset, sizeof(*ip));
    __u32 fragment, length, sum = 0;
    int i;

    if (!ip || ip->version != 4 || ip->ihl < 5)
        return XDP_PASS;
    w->outer6 = 0;
    w->tos = ip->tos;
    w->next = ip->protocol;
    w->source = from_ipv4(ip->saddr);
    w->destination = from_ipv4(ip->daddr);
    w->offset += ip->ihl * 4u;
    fragment = ip->frag_off & bpf_htons(IP_FRAGMENT);
    length = bpf_ntohs(ip->tot_len);
    if (!match(ctx, w, !(fragment & bpf_htons(IP_OFFSET))))
        return XDP_PASS;
    if (!is_balancer(&w->source) && is_stopped(w, DECAP_DROP_SOURCE))
        return XDP_DROP;
    if (fragment)
        return drop(DECAP_DROP_FRAGMENT);
    if (ip->ihl != 5)
        return drop(DECAP_DROP_IP_OPTIONS);
    if (length < sizeof(*ip))
        return drop(DECAP_DROP_IP_HEADER);
    if (length > (void *)(long)ctx->data_end - (void *)ip)
        return drop(DECAP_DROP_TRUNCATED);
    for (i = 0; i < (int)sizeof(*ip) / 2; i++)
        sum += ((const __u16 *)ip)[i];
    if (csum_fold(sum) != 0xffff)
        return drop(DECAP_DROP_IP_CHECKSUM);
    w->room = length - sizeof(*ip);
    return GO_ON;
}

/* RFC 2473, section 4.1.1: ip6tnl sends it by default. */
struct encapsulation_limit {
    __u8 next, length;
    __u8 option, option_length, limit;
    __u8 padding[3];
};

struct fragment_header {
    __u8 next, reserved;
    __be16 offset;
    __be32 id;
};

static __always_inline int walk_ipv6(const struct xdp_md *ctx, struct walk *w)
{
    const struct ipv6hdr *ip = at(ctx, w->offset, sizeof(*ip));
    int is_fragment = 0, has_ports = 1, has_options = 0;
    __u32 start = w->offset, length;

    if (!ip || ip->version != 6)
        return XDP_PASS;
    w->outer6 = 1;
    w->tos = (__u8)(bpf_ntohs(*(const __u16 *)ip) >> 4);
    w->next = ip->nexthdr;
    w->source = from_ipv6(&ip->saddr);
    w->destination = from_ipv6(&ip->daddr);
    w->offset += sizeof(*ip);
    length = sizeof(*ip) + bpf_ntohs(ip->payload_len);
    if (w->next == IPPROTO_DSTOPTS) {
        const struct encapsulation_limit *limit = at(ctx, w->offset, sizeof(*limit));

        if (!limit || limit->length)
            return XDP_PASS;
        has_options = limit->option != 4 || limit->option_length != 1;
        w->next = limit->next;
        w->offset += sizeof(*limit);
    }
    if (w->next == IPPROTO_FRAGMENT) {
        const struct fragment_header *fragment = at(ctx, w->offset, sizeof(*fragment));

        if (!fragment)
            return XDP_PASS;
        is_fragment = 1;
        has_ports = !(fragment->offset & bpf_htons(0xfff8));
        w->next = fragment->next;
        w->offset += sizeof(*fragment);
    }
    if (!match(ctx, w, has_ports))
        return XDP_PASS;
    if (!is_balancer(&w->source) && is_stopped(w, DECAP_DROP_SOURCE))
        return XDP_DROP;
    if (is_fragment)
        return drop(DECAP_DROP_FRAGMENT);
    if (has_options)
        return drop(DECAP_DROP_IP_OPTIONS);
    if (length < w->offset - start)
        return drop(DECAP_DROP_IP_HEADER);
    if (length > (void *)(long)ctx->data_end - (void *)(long)ctx->data - start)
        return drop(DECAP_DROP_TRUNCATED);
    w->room = length - (w->offset - start);
    return GO_ON;
}

/*
 * GO_ON if the frame is for a tunnel and from a balancer. These steps are not static, so the verifier walks each one
 * once and not once for each path to it.
 */
__noinline int walk_outer(struct xdp_md *ctx, struct walk *w)
{
    const struct ethhdr *eth = at(ctx, 0, sizeof(*eth));
    __be16 type;
    int i;

    if (!w || !eth)
        return XDP_PASS;
    type = eth->h_proto;
    w->offset = sizeof(*eth);
    for (i = 0; i < 2; i++) {
        const struct vlan_tag *tag;

        if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD))
            break;
        tag = at(ctx, w->offset, sizeof(*tag));
        if (!tag)
            return XDP_PASS;
        type = tag->next;
        w->offset += sizeof(*tag);
    }
    w->l2 = w->offset;
    if ((config.ipip[0] || config.gre[0] || config.udp[0]) && type == bpf_htons(ETH_P_IP))
        return walk_ipv4(ctx, w);
    if ((config.ipip[1] || config.gre[1] || config.udp[1]) && type == bpf_htons(ETH_P_IPV6))
        return walk_ipv6(ctx, w);
    return XDP_PASS;
}

#endif
