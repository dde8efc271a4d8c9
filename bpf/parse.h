/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a frame to the service that it is for, and what the later steps need to know of it. */
#ifndef CULVERT_BPF_PARSE_H
#define CULVERT_BPF_PARSE_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "csum.h"
#include "flow.h"
#include "maps.h"
#include "stats.h"

#define IP_FRAGMENT 0x3fff /* more fragments, or an offset */
#define L4_AFTER_IPV4 (ETH_HLEN + sizeof(struct iphdr))
#define L4_AFTER_IPV6 (ETH_HLEN + sizeof(struct ipv6hdr))

/* IPv6 extension headers that are not in linux/in6.h: Mobility (RFC 6275), HIP (RFC 7401), Shim6 (RFC 5533). */
#define NEXTHDR_MOBILITY 135
#define NEXTHDR_HIP 139
#define NEXTHDR_SHIM6 140

struct packet {
    __u64 hash;      /* of the five-tuple, see flow.h */
    __u32 length;    /* of the IP packet, bytes: what follows in the frame is padding */
    __u32 l4_length; /* of its TCP or UDP part */
    __u8 protocol;
    __u8 tos;        /* TOS or traffic class */
    __u8 opening;    /* SYN; one with ACK is the reflection of somebody else's */
    __u8 closing;    /* FIN or RST */
    __u8 lean;       /* its L4 checksum covers all that follows the IP header, so the outer checksum may lean on it */
};

/* What a step made of the packet: go on, or an XDP verdict. */
#define GO_ON (-1)

static __always_inline int is_vip4(const struct iphdr *ip)
{
    struct lb_vip4 key = {};

    __builtin_memcpy(key.address, &ip->daddr, sizeof(key.address));
    return bpf_map_lookup_elem(&vips4, &key) != NULL;
}

static __always_inline int is_vip6(const struct ipv6hdr *ip)
{
    struct lb_vip6 key = {};

    __builtin_memcpy(key.address, &ip->daddr, sizeof(key.address));
    return bpf_map_lookup_elem(&vips6, &key) != NULL;
}

static __always_inline struct lb_service *find_service4(struct lb_vip4 *key)
{
    struct lb_service *service = bpf_map_lookup_elem(&vips4, key);

    if (!service && config.all_ports) {
        key->port_be = 0;
        service = bpf_map_lookup_elem(&vips4, key);
    }
    return service;
}

static __always_inline struct lb_service *find_service6(struct lb_vip6 *key)
{
    struct lb_service *service = bpf_map_lookup_elem(&vips6, key);

    if (!service && config.all_ports) {
        key->port_be = 0;
        service = bpf_map_lookup_elem(&vips6, key);
    }
    return service;
}

/*
 * Lengths and flags of the TCP or UDP header at `l4`, which has room for the smaller of both. GO_ON, or a verdict.
 */
static __always_inline int parse_l4(struct packet *p, void *l4, void *data_end)
{
    if (p->protocol == IPPROTO_TCP) {
        struct tcphdr *tcp = l4;

        if (p->l4_length < sizeof(*tcp))
            return drop(LB_DROP_L4_HEADER);
        if ((void *)(tcp + 1) > data_end)
            return drop(LB_DROP_TRUNCATED);
        if (tcp->doff < 5 || tcp->doff * 4u > p->l4_length)
            return drop(LB_DROP_L4_HEADER);
        p->opening = tcp->syn;
        p->closing = tcp->fin || tcp->rst;
        p->lean = 1;
    } else {
        struct udphdr *udp = l4;
        __u16 length = bpf_ntohs(udp->len);

        if (length < sizeof(*udp) || length > p->l4_length)
            return drop(LB_DROP_L4_HEADER);
        p->opening = 0;
        p->closing = 0;
        p->lean = udp->check && length == p->l4_length;
    }
    return GO_ON;
}

static __always_inline int parse_ipv4(struct packet *p, struct lb_service **service, void *data, void *data_end)
{
    struct iphdr *ip = data + ETH_HLEN;
    struct udphdr *l4 = data + L4_AFTER_IPV4; /* ports are where TCP has them */
    __u8 first = *(__u8 *)ip;
    struct lb_vip4 key = {};
    __u32 ports, sum;
    int i;

    if (first != 0x45) {
        if (!is_vip4(ip))
            return XDP_PASS;
        return drop((first & 0xf0) == 0x40 && (first & 0x0f) > 5 ? LB_DROP_IP_OPTIONS : LB_DROP_IP_HEADER);
    }
    if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)
        return XDP_PASS;
    if (ip->frag_off & bpf_htons(IP_FRAGMENT))
        return is_vip4(ip) ? drop(LB_DROP_FRAGMENT) : XDP_PASS;
    if ((void *)(l4 + 1) > data_end)
        return is_vip4(ip) ? drop(LB_DROP_TRUNCATED) : XDP_PASS;

    __builtin_memcpy(key.address, &ip->daddr, sizeof(key.address));
    key.port_be = l4->dest;
    key.protocol = ip->protocol;
    *service = find_service4(&key);
    if (!*service)
        return XDP_PASS;

    p->protocol = ip->protocol;
    p->tos = ip->tos;
    p->length = bpf_ntohs(ip->tot_len);
    if (p->length < sizeof(*ip) + sizeof(*l4))
        return drop(LB_DROP_IP_HEADER);
    if (p->length > data_end - (void *)ip)
        return drop(LB_DROP_TRUNCATED);
    for (i = 0, sum = 0; i < (int)sizeof(*ip) / 2; i++)
        sum += ((__u16 *)ip)[i];
    if (csum_fold(sum) != 0xffff)
        return drop(LB_DROP_IP_CHECKSUM);
    if (ip->ttl <= 1)
        return drop(LB_DROP_TTL);

    p->l4_length = p->length - sizeof(*ip);
    __builtin_memcpy(&ports, l4, sizeof(ports));
    p->hash = flow_hash4(ip->saddr, ip->daddr, ports, p->protocol);
    return parse_l4(p, l4, data_end);
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

static __always_inline int parse_ipv6(struct packet *p, struct lb_service **service, void *data, void *data_end)
{
    struct ipv6hdr *ip = data + ETH_HLEN;
    struct udphdr *l4 = data + L4_AFTER_IPV6;
    struct lb_vip6 key = {};
    __u32 ports;

    if ((*(__u8 *)ip & 0xf0) != 0x60)
        return is_vip6(ip) ? drop(LB_DROP_IP_HEADER) : XDP_PASS;
    if (ip->nexthdr != IPPROTO_TCP && ip->nexthdr != IPPROTO_UDP) {
        if (ip->nexthdr == IPPROTO_FRAGMENT)
            return is_vip6(ip) ? drop(LB_DROP_FRAGMENT) : XDP_PASS;
        if (is_extension_header(ip->nexthdr) && is_vip6(ip))
            return drop(LB_DROP_IP_OPTIONS);
        return XDP_PASS;
    }
    if ((void *)(l4 + 1) > data_end)
        return is_vip6(ip) ? drop(LB_DROP_TRUNCATED) : XDP_PASS;

    __builtin_memcpy(key.address, &ip->daddr, sizeof(key.address));
    key.port_be = l4->dest;
    key.protocol = ip->nexthdr;
    *service = find_service6(&key);
    if (!*service)
        return XDP_PASS;

    p->protocol = ip->nexthdr;
    p->tos = (__u8)(bpf_ntohs(*(__u16 *)ip) >> 4);
    p->l4_length = bpf_ntohs(ip->payload_len);
    p->length = p->l4_length + sizeof(*ip);
    if (p->l4_length < sizeof(*l4))
        return drop(LB_DROP_IP_HEADER);
    if (p->length > data_end - (void *)ip)
        return drop(LB_DROP_TRUNCATED);
    if (ip->hop_limit <= 1)
        return drop(LB_DROP_TTL);

    __builtin_memcpy(&ports, l4, sizeof(ports));
    p->hash = flow_hash6(ip->saddr.in6_u.u6_addr32, ip->daddr.in6_u.u6_addr32, ports, p->protocol);
    return parse_l4(p, l4, data_end);
}

#endif
