/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is in front of the IP header, and the L4 header behind it. */
#ifndef CULVERT_BPF_PARSE_H
#define CULVERT_BPF_PARSE_H

#include "packet.h"
#include "stats.h"

extern const volatile struct lb_config config;

static __always_inline int is_tag(__u16 type)
{
    return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

/*
 * Length of an Ethernet header with one or two tags, bytes, and above it in 16 bits the EtherType behind them; 0 if the frame ends
 * before. A global function, whose result is one number to the verifier and not three ways to go on.
 */
__noinline __u32 parse_tags(struct xdp_md *ctx)
{
    void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;

    if (data + ETH_HLEN + 8 > data_end)
        return 0;
    if (!is_tag(*(__u16 *)(data + ETH_HLEN + 2)))
        return (ETH_HLEN + 4) | (__u32) * (__u16 *)(data + ETH_HLEN + 2) << 16;
    return (ETH_HLEN + 8) | (__u32) * (__u16 *)(data + ETH_HLEN + 6) << 16;
}

/* The EtherType in network order, 0 if the frame ends before. */
static __always_inline __u16 parse_ethernet(struct xdp_md *ctx, struct packet *p, void *data, void *data_end)
{
    struct ethhdr *eth = data;
    __u32 tagged;

    if ((void *)(eth + 1) > data_end)
        return 0;
    p->l2_length = ETH_HLEN;
    if (!config.vlan || !is_tag(eth->h_proto))
        return eth->h_proto;
    tagged = parse_tags(ctx);
    p->l2_length = tagged & 0x1f;
    return (__u16)(tagged >> 16);
}

static __always_inline int has_ports(__u8 protocol)
{
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

/* Lengths and flags of the TCP, UDP or SCTP header at `l4`, of which 8 bytes are there. GO_ON, or a verdict. */
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
        if (*chunk == SCTP_INIT)
            p->flags = TCP_SYN;
        else if (*chunk == SCTP_ABORT || *chunk == SCTP_SHUTDOWN_COMPLETE)
            p->flags = TCP_RST;
    }
    return GO_ON;
}

#endif
