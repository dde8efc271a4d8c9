/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From an IPv4 packet to its service, and the fields that later steps need. */
#ifndef CULVERT_BPF_PARSE4_H
#define CULVERT_BPF_PARSE4_H

#include "csum.h"
#include "flow.h"
#include "icmp.h"
#include "packet.h"
#include "parse.h"
#include "stats.h"
#include "vip.h"

#define IP_OFFSET 0x1fff
#define IP_MORE_FRAGMENTS 0x2000

/* Written out: clang makes a loop of a loop. */
static __always_inline __u64 sum_of_header(const struct iphdr *ip)
{
    const __u32 *words = (const void *)ip;

    return (__u64)words[0] + words[1] + words[2] + words[3] + words[4];
}

/* Checks lengths and checksum as a router does (RFC 1812, section 5.2.2). */
static __always_inline int check_ipv4(struct packet *p, const struct iphdr *ip, const void *data_end)
{
    p->tos = ip->tos;
    p->length = bpf_ntohs(ip->tot_len);
    p->l4_offset = sizeof(*ip);
    p->l4_length = p->length - sizeof(*ip);
    if (p->length < sizeof(*ip) + least_l4(p))
        return drop(LB_DROP_IP_HEADER);
    if (p->length > data_end - (const void *)ip)
        return drop(LB_DROP_TRUNCATED);
    if (!csum_is_complete(sum_of_header(ip)))
        return drop(LB_DROP_IP_CHECKSUM);
    return GO_ON;
}

static __always_inline int check_ttl4(struct xdp_md *ctx, const struct packet *p, const struct iphdr *ip)
{
    if (ip->ttl > 1)
        return GO_ON;
    return may_be_answered(p) ? ANSWER(time_exceeded4(ctx, p->l2_length, p->length, l4_of(p))) : drop(LB_DROP_TTL);
}

/* A flow from the client's point of view: of a packet for a VIP, or of a VIP's packet quoted in an ICMP error. */
struct tuple4 {
    __u32 client;
    __u32 vip;
    __u32 ports; /* in memory order: the client's, then the VIP's */
    __u8 protocol;
};

/* Sets the flow's service and hashes; 0 if it is for no service. */
static __always_inline int set_flow4(struct packet *p, const struct tuple4 *flow)
{
    if (!find_service4(&p->service, flow->vip, (__u16)(flow->ports >> 16), flow->protocol))
        return 0;
    p->hash = flow_hash4(flow->client, flow->vip, flow->ports, flow->protocol);
    p->choice = p->hash;
    if (p->service.flags & LB_SERVICE_STICKY && config.sticky)
        p->choice = flow_hash4(flow->client, 0, 0, 0);
    return 1;
}

/*
 * Answers echo requests to a VIP. An ICMP error about a packet from a VIP gets the flow of the quoted packet, seen from
 * the client, so it reaches the backend with the socket. If the quoted packet is a later fragment, its flow is not
 * known. 8 bytes of `icmp` are there.
 */
static __always_inline int parse_icmp4(struct xdp_md *ctx, struct packet *p, struct tuple4 *flow, struct iphdr *ip,
                                       void *data_end)
{
    struct icmphdr *icmp = (void *)(ip + 1);
    struct iphdr *quote = (void *)(icmp + 1);
    __u16 *ports;
    int verdict;

    if (icmp->type == ICMP_ECHO) {
        if (!is_vip4(ip->daddr) || !is_own_frame(ctx))
            return XDP_PASS;
        verdict = check_ipv4(p, ip, data_end);
        return verdict == GO_ON ? ANSWER(echo_reply4(ctx, p->l2_length)) : verdict;
    }
    if (icmp->type != ICMP_DEST_UNREACH && icmp->type != ICMP_TIME_EXCEEDED && icmp->type != ICMP_PARAMETERPROB)
        return XDP_PASS;
    if ((void *)(quote + 1) > data_end)
        return refuse4(ctx, ip, LB_DROP_TRUNCATED);
    if (quote->version != 4 || quote->ihl < 5 || quote->saddr != ip->daddr)
        return refuse4(ctx, ip, LB_DROP_L4_HEADER);
    ports = (void *)quote + quote->ihl * 4;
    if ((void *)(ports + 2) > data_end)
        return refuse4(ctx, ip, LB_DROP_TRUNCATED);
    if (quote->frag_off & bpf_htons(IP_OFFSET))
        return refuse4(ctx, ip, LB_DROP_FRAGMENT);
    p->kind = PACKET_ICMP_ERROR;
    p->lean = 1;
    flow->client = quote->daddr;
    flow->ports = ports[1] | (__u32)ports[0] << 16;
    flow->protocol = quote->protocol;
    return GO_ON;
}

static __always_inline int parse_ipv4(struct xdp_md *ctx, struct packet *p, void *data, void *data_end)
{
    struct iphdr *ip = data + p->l2_length;
    struct udphdr *l4 = (void *)(ip + 1); /* TCP and SCTP have their ports at the same place */
    struct tuple4 flow;
    __u16 fragment;
    int verdict;

    if ((void *)(ip + 1) > data_end)
        return XDP_PASS;
    if (*(__u8 *)ip != 0x45)
        return refuse4(ctx, ip, ip->version == 4 && ip->ihl > 5 ? LB_DROP_IP_OPTIONS : LB_DROP_IP_HEADER);
    p->protocol = ip->protocol;
    if (!has_ports(p->protocol) && p->protocol != IPPROTO_ICMP)
        return XDP_PASS;
    fragment = ip->frag_off & bpf_htons(IP_OFFSET | IP_MORE_FRAGMENTS);
    if (fragment) {
        if (p->protocol == IPPROTO_ICMP)
            return refuse4(ctx, ip, LB_DROP_FRAGMENT);
        p->kind = fragment & bpf_htons(IP_OFFSET) ? PACKET_LATER_FRAGMENT : PACKET_FIRST_FRAGMENT;
        p->fragments = fragments_hash4(ip->saddr, ip->daddr, ip->id, p->protocol);
        if (p->kind == PACKET_LATER_FRAGMENT) {
            if (!is_vip4(ip->daddr) || !is_own_frame(ctx))
                return XDP_PASS;
            p->port = port_of(ctx);
            p->hash = p->fragments;
            verdict = check_ipv4(p, ip, data_end);
            return verdict == GO_ON ? check_ttl4(ctx, p, ip) : verdict;
        }
    }
    if ((void *)(l4 + 1) > data_end)
        return refuse4(ctx, ip, LB_DROP_TRUNCATED);
    flow.client = ip->saddr;
    flow.vip = ip->daddr;
    flow.protocol = p->protocol;
    flow.ports = *(const __u32 *)l4;
    if (p->protocol == IPPROTO_ICMP) {
        verdict = parse_icmp4(ctx, p, &flow, ip, data_end);
        if (verdict != GO_ON)
            return verdict;
    }
    if (!set_flow4(p, &flow) || !is_own(ctx, p, data))
        return XDP_PASS;
    verdict = check_ipv4(p, ip, data_end);
    if (verdict != GO_ON)
        return verdict;
    verdict = check_ttl4(ctx, p, ip);
    if (verdict != GO_ON)
        return verdict;
    return p->kind == PACKET_ICMP_ERROR ? GO_ON : parse_l4(p, l4, data_end);
}

#endif
