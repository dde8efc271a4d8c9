/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Parses the headers in front of the IP header, and the L4 header behind it. */
#ifndef CULVERT_BPF_PARSE_H
#define CULVERT_BPF_PARSE_H

#include "own.h"
#include "packet.h"
#include "stats.h"
#include "vip.h"

extern const volatile struct lb_config config;

static __always_inline int is_tag(__u16 type)
{
    return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

/*
 * The length of an Ethernet header with one or two tags, bytes, and 16 bits above it the EtherType behind them; 0 if
 * the frame ends before, or if its VLAN has no device here. A global function: to the verifier its result is one number
 * and not three paths.
 */
__noinline __u32 parse_tags(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
    __u16 *tag = data + ETH_HLEN; /* its identifier, and the type behind it */

    if (data + ETH_HLEN + 8 > data_end || !is_own_vlan(tag[0]))
        return 0;
    if (!is_tag(tag[1]))
        return (ETH_HLEN + 4) | (__u32)tag[1] << 16;
    if (!is_own_vlan(tag[2]))
        return 0;
    return (ETH_HLEN + 8) | (__u32)tag[3] << 16;
}

static __always_inline int is_for_vip(__u16 type, void *l3, void *data_end)
{
    struct ipv6hdr *ip6 = l3;
    struct iphdr *ip4 = l3;

    if (config.ipv4 && type == bpf_htons(ETH_P_IP))
        return (void *)(ip4 + 1) <= data_end && is_vip4(ip4->daddr);
    if (config.ipv6 && type == bpf_htons(ETH_P_IPV6))
        return (void *)(ip6 + 1) <= data_end && is_vip6(&ip6->daddr);
    return 0;
}

/*
 * A tag of VLAN 0 only carries a priority (IEEE 802.1Q, section 9.6). Removes one or two of them from a frame for a VIP
 * and returns 1. Without VLANs, frames with other tags are for nobody here.
 */
__noinline int remove_priority(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
    __u16 *tag = data + ETH_HLEN; /* its identifier, and the type behind it */
    __u32 macs[3];
    int length = 4;

    if (data + ETH_HLEN + 8 > data_end || tag[0] & bpf_htons(LB_VLANS - 1) || !is_own_frame(ctx))
        return 0;
    if (is_tag(tag[1])) {
        if (tag[2] & bpf_htons(LB_VLANS - 1) || !is_for_vip(tag[3], tag + 4, data_end))
            return 0;
        length = 8;
    } else if (!is_for_vip(tag[1], tag + 2, data_end)) {
        return 0;
    }
    __builtin_memcpy(macs, data, sizeof(macs));
    if (bpf_xdp_adjust_head(ctx, length))
        return 0;
    data = (void *)(long)ctx->data;
    data_end = (void *)(long)ctx->data_end;
    if (data + sizeof(macs) > data_end)
        return 0;
    __builtin_memcpy(data, macs, sizeof(macs));
    return 1;
}

/* The EtherType in network order, 0 if the frame ends before. `data` and `data_end` may have changed afterwards. */
static __always_inline __u16 parse_ethernet(struct xdp_md *ctx, struct packet *p, void **data, void **data_end)
{
    __u32 tagged;
    __u16 type;

    if (*data + ETH_HLEN > *data_end)
        return 0;
    p->l2_length = ETH_HLEN;
    type = *(const __u16 *)(*data + ETH_HLEN - sizeof(type)); /* struct ethhdr is packed: clang would read two bytes */
    if (!is_tag(type))
        return type;
    if (!config.vlan) {
        if (!remove_priority(ctx))
            return 0;
        *data = (void *)(long)ctx->data;
        *data_end = (void *)(long)ctx->data_end;
        return *data + ETH_HLEN > *data_end ? 0 : *(const __u16 *)(*data + ETH_HLEN - sizeof(type));
    }
    tagged = parse_tags(ctx);
    p->l2_length = tagged & 0x1f;
    return (__u16)(tagged >> 16);
}

static __always_inline int has_ports(__u8 protocol)
{
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

/* Translates the first chunk to TCP flags. To the verifier, one number and not a path for each. */
static __always_inline __u8 sctp_flags(__u8 chunk)
{
    const __u64 flags = (__u64)TCP_PSH << 4 * SCTP_DATA | (__u64)TCP_SYN << 4 * SCTP_INIT |
                        (__u64)TCP_RST << 4 * SCTP_ABORT | (__u64)TCP_RST << 4 * SCTP_SHUTDOWN_COMPLETE;

    return flags >> 4 * (chunk & 0xf) & (__u8)(0xf * is_zero(chunk >> 4));
}

/*
 * Checks lengths and reads flags of the TCP, UDP or SCTP header at `l4`. The caller has checked that 8 bytes are there.
 * GO_ON, or a verdict.
 */
static __always_inline int parse_l4(struct packet *p, void *l4, void *data_end)
{
    int whole = p->kind == PACKET_WHOLE;

    if (p->protocol == IPPROTO_TCP) {
        struct tcphdr *tcp = l4;

        if (p->l4_length < sizeof(*tcp))
            return drop(LB_DROP_L4_HEADER);
        if ((void *)(tcp + 1) > data_end)
            return drop(LB_DROP_TRUNCATED);
        if (tcp->doff < 5 || tcp->doff * 4u > p->l4_length)
            return drop(LB_DROP_L4_HEADER);
        p->flags = ((__u8 *)tcp)[13];
        p->lean = whole;
    } else if (p->protocol == IPPROTO_UDP) {
        struct udphdr *udp = l4;
        __u16 length = bpf_ntohs(udp->len);

        if (length < sizeof(*udp) || (whole && length > p->l4_length))
            return drop(LB_DROP_L4_HEADER);
        p->lean = whole && udp->check && length == p->l4_length;
    } else {
        struct sctphdr *sctp = l4;
        __u8 *chunk = (__u8 *)(sctp + 1);

        if (p->l4_length < sizeof(*sctp) + 4)
            return drop(LB_DROP_L4_HEADER);
        if (chunk + 4 > (__u8 *)data_end)
            return drop(LB_DROP_TRUNCATED);
        p->flags = sctp_flags(*chunk);
    }
    return GO_ON;
}

#endif
