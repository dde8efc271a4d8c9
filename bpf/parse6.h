/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From an IPv6 packet to its service, and the fields that later steps need. */
#ifndef CULVERT_BPF_PARSE6_H
#define CULVERT_BPF_PARSE6_H

#include "flow.h"
#include "icmp.h"
#include "packet.h"
#include "parse.h"
#include "stats.h"
#include "vip.h"

/* The most IPv6 extension headers to skip. */
#define EXTENSIONS_MAX 4
/* Extension headers that are not in linux/in6.h: Mobility (RFC 6275), HIP (RFC 7401), Shim6 (RFC 5533). */
#define NEXTHDR_MOBILITY 135
#define NEXTHDR_HIP 139
#define NEXTHDR_SHIM6 140

static __always_inline int is_extension(__u8 next)
{
    return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS || next == IPPROTO_FRAGMENT ||
           next == IPPROTO_AH || next == NEXTHDR_MOBILITY || next == NEXTHDR_HIP || next == NEXTHDR_SHIM6;
}

/* The result of walking the extension headers, packed into one number. */
#define EXTENSIONS_NEXT(walk) ((__u8)(walk))
#define EXTENSIONS_LENGTH(walk) ((__u8)((walk) >> 8)) /* of the IP header and all extension headers */
#define EXTENSIONS_KIND(walk) ((__u8)((walk) >> 16))
#define EXTENSIONS_ID(walk) ((__u32)((walk) >> 32)) /* of the fragments */
#define EXTENSIONS_TRUNCATED 1
#define EXTENSIONS_REFUSED 2

/* The farthest offset of an IPv6 header: quoted in an ICMP error, behind two tags. */
#define IPV6_OFFSET_MAX (ETH_HLEN + 8 + sizeof(struct ipv6hdr) + sizeof(struct icmp6hdr))

/*
 * Walks the headers of the IPv6 packet at `l3` (offset in the frame). Returns one of the last two if it doesn't find
 * the end of the headers, or refuses them. A global function, as parse_tags is.
 */
__noinline __u64 parse_extensions(struct xdp_md *ctx, __u32 l3)
{
    void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
    __u32 offset = sizeof(struct ipv6hdr), kind = PACKET_WHOLE, id = 0;
    struct ipv6hdr *ip;
    __u8 next;
    int i;

    if (l3 > IPV6_OFFSET_MAX)
        return EXTENSIONS_TRUNCATED;
    ip = data + l3;
    if ((void *)(ip + 1) > data_end)
        return EXTENSIONS_TRUNCATED;
    next = ip->nexthdr;
    for (i = 0; i < EXTENSIONS_MAX && is_extension(next) && kind != PACKET_LATER_FRAGMENT; i++) {
        __u8 *header = (void *)ip + offset;

        if (header + 8 > (__u8 *)data_end)
            return EXTENSIONS_TRUNCATED;
        if (next == IPPROTO_FRAGMENT) {
            __u16 fragment = *(__u16 *)(header + 2);

            if (fragment & bpf_htons(0xfff8)) /* the offset: RFC 8200, section 4.5 */
                kind = PACKET_LATER_FRAGMENT;
            else if (fragment & bpf_htons(1)) /* more fragments follow; else the packet is whole */
                kind = PACKET_FIRST_FRAGMENT;
            id = *(__u32 *)(header + 4);
            offset += 8;
        } else if (next == IPPROTO_AH || (next == IPPROTO_ROUTING && header[3])) {
            return EXTENSIONS_REFUSED; /* not for backends, or would travel on: RFC 5095, RFC 8200 section 4.4 */
        } else {
            offset += 8 + header[1] * 8u;
        }
        if (offset > 255)
            return EXTENSIONS_REFUSED;
        next = header[0];
    }
    if (is_extension(next) && kind != PACKET_LATER_FRAGMENT)
        return EXTENSIONS_REFUSED;
    return next | offset << 8 | kind << 16 | (__u64)id << 32;
}

static __always_inline int check_ipv6(struct packet *p, const struct ipv6hdr *ip, const void *data_end)
{
    p->tos = (__u8)(bpf_ntohs(*(const __u16 *)ip) >> 4);
    p->length = bpf_ntohs(ip->payload_len) + sizeof(*ip);
    p->l4_length = p->length - p->l4_offset;
    if (p->length < p->l4_offset + least_l4(p))
        return drop(LB_DROP_IP_HEADER);
    if (p->length > data_end - (const void *)ip)
        return drop(LB_DROP_TRUNCATED);
    return GO_ON;
}

static __always_inline int check_ttl6(struct xdp_md *ctx, const struct packet *p, const struct ipv6hdr *ip)
{
    if (ip->hop_limit > 1)
        return GO_ON;
    return may_be_answered(p) ? ANSWER(time_exceeded6(ctx, p->l2_length, p->length, l4_of(p))) : drop(LB_DROP_TTL);
}

/* As in parse4.h. */
struct tuple6 {
    const struct in6_addr *client;
    const struct in6_addr *vip;
    __u32 ports;
    __u8 protocol;
};

static __always_inline int set_flow6(struct packet *p, const struct tuple6 *flow)
{
    const __u32 *client = flow->client->in6_u.u6_addr32, *vip = flow->vip->in6_u.u6_addr32;

    if (!find_service6(&p->service, vip, (__u16)(flow->ports >> 16), flow->protocol))
        return 0;
    p->hash = flow_hash6(client, vip, flow->ports, flow->protocol);
    p->choice = p->hash;
    if (p->service.flags & LB_SERVICE_STICKY && config.sticky)
        p->choice = flow_hash6(client, client, 0, 0);
    return 1;
}

static __always_inline int is_same6(const struct in6_addr *a, const struct in6_addr *b)
{
    const __u32 *x = a->in6_u.u6_addr32, *y = b->in6_u.u6_addr32;

    return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]));
}

/* As parse_icmp4. Extension headers are only in the quotation. */
static __always_inline int parse_icmp6(struct xdp_md *ctx, struct packet *p, struct tuple6 *flow, struct ipv6hdr *ip,
                                       void *data_end)
{
    struct icmp6hdr *icmp = (void *)(ip + 1);
    struct ipv6hdr *quote = (void *)(icmp + 1);
    __u16 *ports;
    __u64 walk;
    int verdict;

    if ((void *)(icmp + 1) > data_end)
        return refuse6(ctx, ip, LB_DROP_TRUNCATED);
    if (icmp->icmp6_type == ICMPV6_ECHO_REQUEST) {
        if (!is_vip6(&ip->daddr) || !is_own_frame(ctx))
            return XDP_PASS;
        verdict = check_ipv6(p, ip, data_end);
        return verdict == GO_ON ? ANSWER(echo_reply6(ctx, p->l2_length)) : verdict;
    }
    if (icmp->icmp6_type < ICMPV6_DEST_UNREACH || icmp->icmp6_type > ICMPV6_PARAMPROB)
        return XDP_PASS;
    if ((void *)(quote + 1) > data_end)
        return refuse6(ctx, ip, LB_DROP_TRUNCATED);
    if (quote->version != 6 || !is_same6(&quote->saddr, &ip->daddr))
        return refuse6(ctx, ip, LB_DROP_L4_HEADER);
    walk = parse_extensions(ctx, p->l2_length + sizeof(*ip) + sizeof(*icmp));
    ports = (void *)quote + EXTENSIONS_LENGTH(walk);
    if (walk == EXTENSIONS_TRUNCATED || (void *)(ports + 2) > data_end)
        return refuse6(ctx, ip, LB_DROP_TRUNCATED);
    if (walk == EXTENSIONS_REFUSED)
        return refuse6(ctx, ip, LB_DROP_IP_OPTIONS);
    if (EXTENSIONS_KIND(walk) == PACKET_LATER_FRAGMENT)
        return refuse6(ctx, ip, LB_DROP_FRAGMENT);
    p->kind = PACKET_ICMP_ERROR;
    p->lean = 1;
    flow->client = &quote->daddr;
    flow->ports = ports[1] | (__u32)ports[0] << 16;
    flow->protocol = EXTENSIONS_NEXT(walk);
    return GO_ON;
}

static __always_inline int parse_ipv6(struct xdp_md *ctx, struct packet *p, void *data, void *data_end)
{
    struct ipv6hdr *ip = data + p->l2_length;
    struct tuple6 flow;
    struct udphdr *l4;
    int verdict;

    if ((void *)(ip + 1) > data_end)
        return XDP_PASS;
    if (ip->version != 6)
        return refuse6(ctx, ip, LB_DROP_IP_HEADER);
    p->protocol = ip->nexthdr;
    p->l4_offset = sizeof(*ip);
    if (is_extension(p->protocol)) {
        __u64 walk = parse_extensions(ctx, p->l2_length);

        if (walk == EXTENSIONS_TRUNCATED)
            return refuse6(ctx, ip, LB_DROP_TRUNCATED);
        if (walk == EXTENSIONS_REFUSED)
            return refuse6(ctx, ip, LB_DROP_IP_OPTIONS);
        p->protocol = EXTENSIONS_NEXT(walk);
        p->l4_offset = EXTENSIONS_LENGTH(walk);
        p->kind = EXTENSIONS_KIND(walk);
        if (p->kind != PACKET_WHOLE)
            p->fragments = fragments_hash6(ip->saddr.in6_u.u6_addr32, ip->daddr.in6_u.u6_addr32, EXTENSIONS_ID(walk));
        if (p->kind == PACKET_LATER_FRAGMENT) {
            if (!is_vip6(&ip->daddr) || !is_own_frame(ctx))
                return XDP_PASS;
            p->port = port_of(ctx);
            p->hash = p->fragments;
            verdict = check_ipv6(p, ip, data_end);
            return verdict == GO_ON ? check_ttl6(ctx, p, ip) : verdict;
        }
    }
    if (!has_ports(p->protocol) && p->protocol != IPPROTO_ICMPV6)
        return XDP_PASS;
    if (p->protocol == IPPROTO_ICMPV6) {
        if (p->kind != PACKET_WHOLE)
            return refuse6(ctx, ip, LB_DROP_FRAGMENT);
        if (p->l4_offset != sizeof(*ip))
            return refuse6(ctx, ip, LB_DROP_IP_OPTIONS);
    }
    l4 = (void *)ip + p->l4_offset;
    if ((void *)(l4 + 1) > data_end)
        return refuse6(ctx, ip, LB_DROP_TRUNCATED);
    flow.client = &ip->saddr;
    flow.vip = &ip->daddr;
    flow.protocol = p->protocol;
    flow.ports = *(const __u32 *)l4;
    if (p->protocol == IPPROTO_ICMPV6) {
        verdict = parse_icmp6(ctx, p, &flow, ip, data_end);
        if (verdict != GO_ON)
            return verdict;
    }
    if (!set_flow6(p, &flow) || !is_own(ctx, p, data))
        return XDP_PASS;
    verdict = check_ipv6(p, ip, data_end);
    if (verdict != GO_ON)
        return verdict;
    verdict = check_ttl6(ctx, p, ip);
    if (verdict != GO_ON)
        return verdict;
    if (p->kind == PACKET_ICMP_ERROR)
        return GO_ON;
    verdict = parse_l4(p, l4, data_end);
    if (p->l4_offset != sizeof(*ip))
        p->lean = 0; /* the sum of the extension headers is not known */
    return verdict;
}

#endif
