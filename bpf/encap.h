/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sends a packet on: writes the template of its destination in front and patches the fields that depend on the packet.
 */
#ifndef CULVERT_BPF_ENCAP_H
#define CULVERT_BPF_ENCAP_H

#include "csum.h"
#include "flow.h"
#include "maps.h"
#include "packet.h"
#include "stats.h"

#define TEMPLATE_HALF 32

static __always_inline int send(const struct packet *p, const struct lb_dest_body *dest)
{
    if (dest->ifindex == p->port || !config.redirect)
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

/* Replaces the Ethernet header by the template, which is one. 0 if there is no room. */
static __always_inline int replace_ethernet(struct xdp_md *ctx, const struct packet *p, const struct lb_dest_body *dest)
{
    void *data, *data_end;

    if (p->l2_length != dest->head_len && config.vlan &&
        bpf_xdp_adjust_head(ctx, (int)p->l2_length - (int)dest->head_len))
        return 0;
    data = (void *)(long)ctx->data;
    data_end = (void *)(long)ctx->data_end;
    if (data + ETH_HLEN + 8 > data_end)
        return 0;
    *(__u64 *)data = *(const __u64 *)dest->bytes;
    *(__u32 *)(data + 8) = *(const __u32 *)(dest->bytes + 8);
    *(__u16 *)(data + 12) = *(const __u16 *)(dest->bytes + 12);
    if (dest->head_len > ETH_HLEN && config.vlan) {
        *(__u32 *)(data + 14) = *(const __u32 *)(dest->bytes + 14);
        if (dest->head_len > ETH_HLEN + 4)
            *(__u32 *)(data + 18) = *(const __u32 *)(dest->bytes + 18);
    }
    return 1;
}

/*
 * The ones' complement sum of a whole IP packet, computed from its headers (Local Checksum Offload,
 * Documentation/networking/checksum-offloads.rst): an IPv4 header sums to zero, and the bytes that an L4 checksum
 * covers sum to the complement of its pseudo-header. For IPv6 the addresses are in both and cancel out.
 */
static __always_inline __u16 sum_of_ipv4(const struct packet *p, const struct iphdr *ip)
{
    if (p->protocol == IPPROTO_ICMP)
        return 0xffff; /* its checksum has no pseudo-header */
    return ~csum_fold((__u64)ip->saddr + ip->daddr + bpf_htons(p->protocol) + bpf_htons((__u16)p->l4_length));
}

static __always_inline __u16 sum_of_ipv6(const struct packet *p, const struct ipv6hdr *ip)
{
    return csum_fold((__u64) * (__u32 *)ip + *(__u16 *)&ip->nexthdr + (__u16)~bpf_htons(p->protocol));
}

/* The sum of the packet at `l3`, -1 if it can't be computed. Pointers into the packet are invalid afterwards. */
static __always_inline int sum_of_packet(struct xdp_md *ctx, const struct packet *p, void *l3, int inner6)
{
    if (!p->lean)
        return finished_sum(ctx, p->l2_length, p->length, p->l4_offset, p->pseudo);
    return inner6 ? sum_of_ipv6(p, l3) : sum_of_ipv4(p, l3);
}

/* Replaces the Ethernet header by the outer headers, in front of the IP header at `l3`. */
static __always_inline int encapsulate(struct xdp_md *ctx, const struct packet *p, const struct lb_dest_body *dest,
                                       void *l3, int inner6)
{
    __u32 head = dest->head_len, outer = dest->l2_len;
    __u8 flags = dest->flags;
    void *data, *data_end, *tail, *ip, *udp;
    __u32 rest; /* bytes behind the outer IP header */
    __u32 back; /* offset of the last half */
    int sum = 0;

    if (flags & LB_ENCAP_UDP_CSUM) {
        if (p->lean || flags & LB_ENCAP_OUTER6) {
            sum = sum_of_packet(ctx, p, l3, inner6);
            if (sum < 0)
                return drop(LB_DROP_TOO_BIG);
        } else {
            flags &= ~LB_ENCAP_UDP_CSUM; /* RFC 768: over IPv4, zero means no checksum */
        }
    }
    if (bpf_xdp_adjust_head(ctx, (int)p->l2_length - (int)head))
        return drop(LB_DROP_NO_ROOM);

    back = head - TEMPLATE_HALF;
    barrier_var(back); /* else clang checks head and uses back, and the verifier of 6.1 sees no relation */
    if (back > LB_TEMPLATE_MAX - TEMPLATE_HALF || outer > ETH_HLEN + 8)
        return drop(LB_DROP_INTERNAL);
    data = (void *)(long)ctx->data;
    data_end = (void *)(long)ctx->data_end;
    tail = data + back;
    barrier_var(tail); /* else clang infers the other checks from this one, and the verifier needs them for `data` */
    if (data + LB_TEMPLATE_MIN > data_end || tail + TEMPLATE_HALF > data_end)
        return drop(LB_DROP_INTERNAL);
    copy32(data, dest->bytes);
    if (back > TEMPLATE_HALF) {
        if (data + 2 * TEMPLATE_HALF > data_end)
            return drop(LB_DROP_INTERNAL);
        copy32(data + TEMPLATE_HALF, dest->bytes + TEMPLATE_HALF);
    }
    copy32(tail, dest->bytes + back);

    ip = data + outer;
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
    return send(p, dest);
}

/*
 * Updates the L4 checksum after the sum of the addresses changed. 0 if the L4 header is not in the frame. The field of
 * an unfinished checksum is the sum itself, not its complement.
 */
static __always_inline int update_l4(const struct packet *p, void *l4, void *data_end, __u16 old, __u64 new)
{
    struct udphdr *udp = l4;
    struct icmp6hdr *icmp = l4;
    struct tcphdr *tcp = l4;
    __u16 flip = (__u16)(is_zero(p->pseudo) - 1);

    if (p->kind == PACKET_LATER_FRAGMENT)
        return 1;
    if ((void *)(udp + 1) > data_end)
        return 0;
    switch (p->protocol) {
    case IPPROTO_TCP:
        if ((void *)(tcp + 1) > data_end)
            return 0;
        tcp->check = flip ^ csum_update(flip ^ tcp->check, old, new);
        break;
    case IPPROTO_UDP:
        if (udp->check)
            udp->check = flip ^ csum_update_nonzero(flip ^ udp->check, old, new);
        break;
    case IPPROTO_ICMPV6:
        icmp->icmp6_cksum = csum_update(icmp->icmp6_cksum, old, new);
        break;
    }
    return 1; /* the checksums of SCTP and ICMP don't cover addresses */
}

/* The new destination address is in the template, behind the Ethernet header. */
static __always_inline int rewrite_ipv4(const struct packet *p, const struct lb_dest_body *dest, struct iphdr *ip,
                                        void *data_end)
{
    __u8 tos = (__u8)(dest->dscp << 2) | (p->tos & 3);
    __u16 old = csum_fold(ip->daddr);
    __u32 to;

    if (dest->head_len > ETH_HLEN + 8)
        return 0;
    to = *(const __u32 *)(dest->bytes + dest->head_len);
    if (!update_l4(p, ip + 1, data_end, old, to))
        return 0;
    ip->check = csum_update(ip->check, csum_fold((__u64)old + bpf_htons(p->tos)), (__u64)to + bpf_htons(tos));
    ip->daddr = to;
    ip->tos = tos;
    return 1;
}

static __always_inline int rewrite_ipv6(const struct packet *p, const struct lb_dest_body *dest, struct ipv6hdr *ip,
                                        void *data_end)
{
    __u8 tos = (__u8)(dest->dscp << 2) | (p->tos & 3);
    __u64 old = 0, new = 0;
    const __u32 *to;
    int i;

    if (dest->head_len > ETH_HLEN + 8)
        return 0;
    to = (const __u32 *)(dest->bytes + dest->head_len);
#pragma unroll
    for (i = 0; i < 4; i++) {
        old += ip->daddr.in6_u.u6_addr32[i];
        new += to[i];
        ip->daddr.in6_u.u6_addr32[i] = to[i];
    }
    *(__u16 *)ip = (*(__u16 *)ip & bpf_htons(0xf00f)) | bpf_htons((__u16)(tos << 4));
    return update_l4(p, (void *)ip + p->l4_offset, data_end, csum_fold(old), new);
}

#endif
