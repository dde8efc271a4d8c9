/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The inner packet: check it, and remove the headers in front of it. */
#ifndef CULVERT_BPF_DECAP_INNER_H
#define CULVERT_BPF_DECAP_INNER_H

#include "decap_walk.h"

/* RFC 3168, section 5. */
enum ecn { NOT_ECT, ECT_1, ECT_0, CE };

/* The ECN field of a packet with `inner` after a tunnel with `outer`, -1 if it must be dropped (RFC 6040, figure 4). */
static __always_inline int combine_ecn(__u8 outer, __u8 inner)
{
    outer &= 3;
    inner &= 3;
    if (outer == CE)
        return inner == NOT_ECT ? -1 : CE;
    return outer == ECT_1 && inner == ECT_0 ? ECT_1 : inner;
}

/* Sources that no answer from a VIP could reach: unspecified, loopback, link-local, multicast, reserved. */
static __always_inline int is_nobody(const struct decap_address *a)
{
    const __u8 *ipv4 = (const __u8 *)&a->word_be[3];

    if (!a->word_be[0] && !a->word_be[1]) {
        if (a->word_be[2] == bpf_htonl(0xffff))
            return ipv4[0] == 0 || ipv4[0] == 127 || ipv4[0] >= 224 || (ipv4[0] == 169 && ipv4[1] == 254);
        return !a->word_be[2] && (!a->word_be[3] || a->word_be[3] == bpf_htonl(1));
    }
    return (a->word_be[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000) ||
           (a->word_be[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

static __always_inline int guard(struct walk *w, const struct decap_address *source,
                                 const struct decap_address *destination)
{
    if (!is_vip(destination) && is_stopped(w, DECAP_DROP_NO_VIP))
        return XDP_DROP;
    if ((is_nobody(source) || is_own(source) || is_vip(source)) && is_stopped(w, DECAP_DROP_INNER_SOURCE))
        return XDP_DROP;
    return GO_ON;
}

static __always_inline int check_ipv4(const struct xdp_md *ctx, struct walk *w, __u32 *length)
{
    struct iphdr *ip = peek(ctx, w, sizeof(*ip));
    struct decap_address source, destination;
    int verdict, ecn;
    __u8 tos;

    if (!ip)
        return drop(DECAP_DROP_TRUNCATED);
    *length = bpf_ntohs(ip->tot_len);
    if (ip->version != 4 || ip->ihl < 5 || *length < ip->ihl * 4u || *length > w->room)
        return drop(DECAP_DROP_INNER_HEADER);
    if (ip->ihl != 5)
        return drop(DECAP_DROP_INNER_OPTIONS);
    if (is_tunnel_protocol(ip->protocol) && is_stopped(w, DECAP_DROP_NESTED))
        return XDP_DROP;
    source = from_ipv4(ip->saddr);
    destination = from_ipv4(ip->daddr);
    verdict = guard(w, &source, &destination);
    if (verdict != GO_ON)
        return verdict;
    ecn = combine_ecn(w->tos, ip->tos);
    if (ecn < 0)
        return drop(DECAP_DROP_ECN);
    tos = (ip->tos & ~3) | (__u8)ecn;
    if (tos != ip->tos) {
        ip->check = csum_update(ip->check, bpf_htons(ip->tos), bpf_htons(tos));
        ip->tos = tos;
    }
    return GO_ON;
}

static __always_inline int check_ipv6(const struct xdp_md *ctx, struct walk *w, __u32 *length)
{
    struct ipv6hdr *ip = peek(ctx, w, sizeof(*ip));
    struct decap_address source, destination;
    int verdict, ecn;
    __u8 next;

    if (!ip)
        return drop(DECAP_DROP_TRUNCATED);
    *length = sizeof(*ip) + bpf_ntohs(ip->payload_len);
    if (ip->version != 6 || *length > w->room)
        return drop(DECAP_DROP_INNER_HEADER);
    next = ip->nexthdr;
    if (next == IPPROTO_FRAGMENT) {
        const __u8 *fragment = at(ctx, w->offset + sizeof(*ip), 8);

        if (!fragment || *length < sizeof(*ip) + 8)
            return drop(DECAP_DROP_TRUNCATED);
        next = *fragment;
    }
    if (is_extension_header(next))
        return drop(DECAP_DROP_INNER_OPTIONS);
    if (is_tunnel_protocol(next) && is_stopped(w, DECAP_DROP_NESTED))
        return XDP_DROP;
    source = from_ipv6(&ip->saddr);
    destination = from_ipv6(&ip->daddr);
    verdict = guard(w, &source, &destination);
    if (verdict != GO_ON)
        return verdict;
    ecn = combine_ecn(w->tos, (__u8)(bpf_ntohs(*(__u16 *)ip) >> 4));
    if (ecn < 0)
        return drop(DECAP_DROP_ECN);
    *(__u16 *)ip = (*(__u16 *)ip & bpf_htons(0xffcf)) | bpf_htons((__u16)(ecn << 4));
    return GO_ON;
}

/* Removes the bytes between the Ethernet header (with its tags) and the inner packet. */
static __always_inline int strip(struct xdp_md *ctx, const struct walk *w)
{
    __u16 type = w->inner6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
    const __u32 *old = at(ctx, 0, 20);
    __u32 mac[3], tag[2], *new;

    if (!old || w->offset < w->l2)
        return drop(DECAP_DROP_INTERNAL);
    mac[0] = old[0];
    mac[1] = old[1];
    mac[2] = old[2];
    tag[0] = old[3];
    tag[1] = old[4];
    if (bpf_xdp_adjust_head(ctx, (int)(w->offset - w->l2)))
        return drop(DECAP_DROP_INTERNAL);
    new = at(ctx, 0, ETH_HLEN + 2 * 4);
    if (!new)
        return drop(DECAP_DROP_INTERNAL);
    new[0] = mac[0];
    new[1] = mac[1];
    new[2] = mac[2];
    if (w->l2 == ETH_HLEN) {
        *(__u16 *)&new[3] = type;
        return XDP_PASS;
    }
    new[3] = tag[0];
    if (w->l2 == ETH_HLEN + 4) {
        *(__u16 *)&new[4] = type;
        return XDP_PASS;
    }
    new[4] = tag[1];
    *(__u16 *)&new[5] = type;
    return XDP_PASS;
}

/* XDP_PASS with only the inner packet left in the frame, or a drop. */
__noinline int unwrap(struct xdp_md *ctx, struct walk *w)
{
    __u32 length = 0;
    int verdict;

    if (!w)
        return XDP_PASS;
    verdict = w->inner6 ? check_ipv6(ctx, w, &length) : check_ipv4(ctx, w, &length);
    if (verdict != GO_ON)
        return verdict;
    verdict = strip(ctx, w);
    if (verdict == XDP_PASS)
        count_received(w->kind, length);
    return verdict;
}

#endif
