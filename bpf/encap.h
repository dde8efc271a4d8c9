/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sending a packet on: the template of its destination goes in front, and what depends on the packet is patched in. */
#ifndef CULVERT_BPF_ENCAP_H
#define CULVERT_BPF_ENCAP_H

#include "parse.h"

#define TEMPLATE_HALF 32
/* Longest packet that is summed in full, and what is summed at a time, bytes. */
#define SUM_MAX 9216
#define SUM_BLOCK 32u

static __always_inline int send(struct xdp_md *ctx, const struct lb_dest_body *dest)
{
    if (!config.redirect || dest->ifindex == ctx->ingress_ifindex)
        return XDP_TX;
    if (bpf_redirect_map(&ports, dest->ifindex, 0) == XDP_REDIRECT)
        return XDP_REDIRECT;
    return drop(LB_DROP_NO_INTERFACE);
}

static __always_inline void copy32(void *to, const void *from)
{
    ((__u64 *)to)[0] = ((const __u64 *)from)[0];
    ((__u64 *)to)[1] = ((const __u64 *)from)[1];
    ((__u64 *)to)[2] = ((const __u64 *)from)[2];
    ((__u64 *)to)[3] = ((const __u64 *)from)[3];
}

static __always_inline void write_ethernet(void *data, const struct lb_dest_body *dest)
{
    *(__u64 *)data = *(const __u64 *)dest->bytes;
    *(__u32 *)(data + 8) = *(const __u32 *)(dest->bytes + 8);
    *(__u16 *)(data + 12) = *(const __u16 *)(dest->bytes + 12);
}

/*
 * The ones' complement sum of a whole IP packet, known from its headers (Local Checksum Offload,
 * Documentation/networking/checksum-offloads.rst): an IPv4 header sums to zero, and what an L4 checksum covers sums to
 * the complement of its pseudo-header. For IPv6 the addresses stand in both and cancel out.
 */
static __always_inline __u16 sum_of_ipv4(const struct packet *p, const struct iphdr *ip)
{
    return ~csum_fold((__u64)ip->saddr + ip->daddr + bpf_htons(p->protocol) + bpf_htons((__u16)p->l4_length));
}

static __always_inline __u16 sum_of_ipv6(const struct packet *p, const struct ipv6hdr *ip)
{
    return csum_fold((__u64)*(__u32 *)ip + *(__u16 *)&ip->nexthdr + (__u16)~bpf_htons(p->protocol));
}

static __always_inline __u64 sum_of_words(const void *data, int count)
{
    const __u32 *words = data;
    __u64 sum = 0;
    int i;

#pragma unroll
    for (i = 0; i < count; i++)
        sum += words[i];
    return sum;
}

/*
 * The same sum over every byte, where there is no checksum to lean on. Cuts off what follows the packet in the frame.
 * Returns a folded sum, or -1. Not static: so the verifier walks its loop once and not once for each way to get here.
 */
__noinline int sum_of_bytes(struct xdp_md *ctx, __u32 length)
{
    void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end, *odd;
    long padding = (data_end - data) - (long)(ETH_HLEN + length);
    __u64 sum = 0;
    __u32 i;

    if (length > SUM_MAX || (padding && bpf_xdp_adjust_tail(ctx, (int)-padding)))
        return -1;
    data = (void *)(long)ctx->data + ETH_HLEN;
    data_end = (void *)(long)ctx->data_end;

    /* What is left behind the last whole block comes first: after the loop it would multiply its exits. */
    odd = data + (length & ~(SUM_BLOCK - 1));
    if (length & 16) {
        if (odd + 16 > data_end)
            return -1;
        sum += sum_of_words(odd, 4);
        odd += 16;
    }
    if (length & 8) {
        if (odd + 8 > data_end)
            return -1;
        sum += sum_of_words(odd, 2);
        odd += 8;
    }
    if (length & 4) {
        if (odd + 4 > data_end)
            return -1;
        sum += *(__u32 *)odd;
        odd += 4;
    }
    if (length & 2) {
        if (odd + 2 > data_end)
            return -1;
        sum += *(__u16 *)odd;
        odd += 2;
    }
    if (length & 1) {
        if (odd + 1 > data_end)
            return -1;
        sum += bpf_htons((__u16)(*(__u8 *)odd << 8));
    }
    for (i = 0; i < SUM_MAX / SUM_BLOCK; i++) {
        if (data + SUM_BLOCK > data_end)
            break;
        sum += sum_of_words(data, SUM_BLOCK / 4);
        data += SUM_BLOCK;
    }
    return csum_fold(sum);
}

/* The sum of the packet at `l3`, -1 if it can't be had. Pointers into the packet are invalid afterwards. */
static __always_inline int sum_of_packet(struct xdp_md *ctx, const struct packet *p, void *l3, int inner6)
{
    if (!p->lean)
        return sum_of_bytes(ctx, p->length);
    return inner6 ? sum_of_ipv6(p, l3) : sum_of_ipv4(p, l3);
}

/* Outer headers in front of the packet whose IP header is at data + ETH_HLEN. */
static __always_inline int encapsulate(struct xdp_md *ctx, const struct packet *p, const struct lb_dest_body *dest,
                                       void *l3, int inner6)
{
    __u32 head = dest->head_len, outer = dest->l2_len;
    __u8 flags = dest->flags;
    void *data, *data_end, *tail, *ip, *udp;
    __u32 rest; /* bytes behind the outer IP header */
    __u32 back = head - TEMPLATE_HALF; /* where the last half begins */
    int sum = 0;

    barrier_var(back); /* or clang checks head and uses back, and the verifier of 6.1 doesn't see the connection */
    if (back > LB_TEMPLATE_MAX - TEMPLATE_HALF)
        return drop(LB_DROP_INTERNAL);
    if (flags & LB_ENCAP_UDP_CSUM) {
        if (p->lean || flags & LB_ENCAP_OUTER6) {
            sum = sum_of_packet(ctx, p, l3, inner6);
            if (sum < 0)
                return drop(LB_DROP_TOO_BIG);
        } else {
            flags &= ~LB_ENCAP_UDP_CSUM; /* RFC 768: zero over IPv4 says that there is none */
        }
    }
    if (bpf_xdp_adjust_head(ctx, ETH_HLEN - (int)head))
        return drop(LB_DROP_NO_ROOM);

    data = (void *)(long)ctx->data;
    data_end = (void *)(long)ctx->data_end;
    tail = data + back;
    if (data + LB_TEMPLATE_MIN > data_end || tail + TEMPLATE_HALF > data_end)
        return drop(LB_DROP_INTERNAL);
    copy32(data, dest->bytes);
    if (back > TEMPLATE_HALF) {
        if (data + 2 * TEMPLATE_HALF > data_end)
            return drop(LB_DROP_INTERNAL);
        copy32(data + TEMPLATE_HALF, dest->bytes + TEMPLATE_HALF);
    }
    copy32(tail, dest->bytes + back);

    ip = data + ETH_HLEN;
    if (flags & LB_ENCAP_OUTER6) {
        struct ipv6hdr *ip6 = ip;

        udp = ip6 + 1;
        if (udp > data_end)
            return drop(LB_DROP_INTERNAL);
        /* The flow label carries entropy for routers that balance by it (RFC 6438). */
        *(__u32 *)ip6 = bpf_htonl(6u << 28 | (__u32)p->tos << 20 | ((__u32)p->hash & 0xfffff));
        rest = p->length + head - outer - sizeof(*ip6);
        ip6->payload_len = bpf_htons((__u16)rest);
    } else {
        struct iphdr *ip4 = ip;

        udp = ip4 + 1;
        if (udp > data_end)
            return drop(LB_DROP_INTERNAL);
        rest = p->length + head - outer - sizeof(*ip4);
        ip4->tos = p->tos;
        ip4->tot_len = bpf_htons((__u16)(rest + sizeof(*ip4)));
        ip4->check = ~csum_fold((__u64)dest->ip_sum + ip4->tot_len + bpf_htons(p->tos));
    }
    if (flags & LB_ENCAP_UDP) {
        struct udphdr *header = udp;
        __u16 length = bpf_htons((__u16)rest);

        if ((void *)(header + 1) > data_end)
            return drop(LB_DROP_INTERNAL);
        /* Entropy in the ephemeral range, 49152 to 65535 (RFC 8085, section 5.1.1). */
        header->source = bpf_htons(0xc000 | (__u16)(p->hash >> 48));
        header->len = length;
        if (flags & LB_ENCAP_UDP_CSUM)
            header->check = csum_udp((__u64)dest->udp_sum + 2 * length + header->source + (__u32)sum);
    }
    return send(ctx, dest);
}

/* The part of a TCP or UDP checksum that the addresses are in. */
static __always_inline int update_l4(const struct packet *p, void *l4, void *data_end, __u16 old, __u64 new)
{
    if (p->protocol == IPPROTO_TCP) {
        struct tcphdr *tcp = l4;

        if ((void *)(tcp + 1) > data_end)
            return 0;
        tcp->check = csum_update(tcp->check, old, new);
    } else {
        struct udphdr *udp = l4;

        if ((void *)(udp + 1) > data_end)
            return 0;
        if (udp->check) {
            udp->check = csum_update(udp->check, old, new);
            if (!udp->check)
                udp->check = 0xffff;
        }
    }
    return 1;
}

static __always_inline int rewrite_ipv4(const struct packet *p, const struct lb_dest_body *dest, void *data,
                                        void *data_end)
{
    struct iphdr *ip = data + ETH_HLEN;
    __u8 tos = (__u8)(dest->dscp << 2) | (p->tos & 3);
    __u32 to = *(const __u32 *)(dest->bytes + ETH_HLEN);
    __u16 old = csum_fold(ip->daddr);

    if (!update_l4(p, ip + 1, data_end, old, to))
        return 0;
    ip->check = csum_update(ip->check, csum_fold((__u64)old + bpf_htons(p->tos)), (__u64)to + bpf_htons(tos));
    ip->daddr = to;
    ip->tos = tos;
    return 1;
}

static __always_inline int rewrite_ipv6(const struct packet *p, const struct lb_dest_body *dest, void *data,
                                        void *data_end)
{
    struct ipv6hdr *ip = data + ETH_HLEN;
    __u8 tos = (__u8)(dest->dscp << 2) | (p->tos & 3);
    __u64 old = 0, new = 0;
    int i;

#pragma unroll
    for (i = 0; i < 4; i++) {
        __u32 word = ((const __u32 *)(dest->bytes + ETH_HLEN))[i];

        old += ip->daddr.in6_u.u6_addr32[i];
        new += word;
        ip->daddr.in6_u.u6_addr32[i] = word;
    }
    *(__u16 *)ip = (*(__u16 *)ip & bpf_htons(0xf00f)) | bpf_htons((__u16)(tos << 4));
    return update_l4(p, ip + 1, data_end, csum_fold(old), new);
}

#endif
