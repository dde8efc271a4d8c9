/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP that the balancer sends: echo replies, "time exceeded", "too big" (RFC 792, RFC 4443). The sending functions are
 * global, so the verifier walks each one once for all callers. The verifier assumes that they return any number, hence
 * ANSWER.
 */
#ifndef CULVERT_BPF_ICMP_H
#define CULVERT_BPF_ICMP_H

#include "csum.h"
#include "flow.h"
#include "packet.h"
#include "stats.h"
#include "unfinished.h"

#define ANSWER(sent) ((sent) ? XDP_TX : XDP_DROP)

#define OUR_HOP_LIMIT 64

/* How much of a packet an ICMP error quotes: RFC 1812 section 4.3.2.3, RFC 4443 section 3.2. */
#define ERROR4_HEADERS (sizeof(struct iphdr) + sizeof(struct icmphdr))
#define ERROR6_HEADERS (sizeof(struct ipv6hdr) + sizeof(struct icmp6hdr))
#define QUOTE4_MAX (576u - ERROR4_HEADERS)
#define QUOTE6_MAX (1280u - ERROR6_HEADERS)

static __always_inline void swap_macs(struct ethhdr *eth)
{
    __u8 mac[ETH_ALEN];

    __builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
    __builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
    __builtin_memcpy(eth->h_source, mac, ETH_ALEN);
}

/* A packet without a single host as source gets no answer: RFC 1122, section 3.2.2; RFC 4443, section 2.4 (e). */
static __always_inline int can_answer4(const struct iphdr *ip)
{
    __u8 net = *(const __u8 *)&ip->saddr;

    return net != 0 && net != 127 && net < 224;
}

static __always_inline int can_answer6(const struct ipv6hdr *ip)
{
    const __u32 *source = ip->saddr.in6_u.u6_addr32;

    return (source[0] | source[1]) && ip->saddr.in6_u.u6_addr8[0] != 0xff;
}

/* Turns the echo request in the frame into its reply. */
__noinline int echo_reply4(struct xdp_md *ctx, __u32 l2_length)
{
    void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
    struct iphdr *ip;
    struct icmphdr *icmp;
    __u32 from;

    if (l2_length > ETH_HLEN + 8)
        return 0;
    ip = data + l2_length;
    icmp = (void *)(ip + 1);
    if (data + ETH_HLEN > data_end || (void *)(icmp + 1) > data_end || !can_answer4(ip)) {
        drop(LB_DROP_IP_HEADER);
        return 0;
    }
    swap_macs(data);
    from = ip->saddr;
    ip->saddr = ip->daddr;
    ip->daddr = from;
    ip->check = csum_update(ip->check, bpf_htons((__u16)(ip->ttl << 8)), bpf_htons(OUR_HOP_LIMIT << 8));
    ip->ttl = OUR_HOP_LIMIT;
    icmp->checksum = csum_update_nonzero(icmp->checksum, bpf_htons(ICMP_ECHO << 8), bpf_htons(ICMP_ECHOREPLY << 8));
    icmp->type = ICMP_ECHOREPLY;
    count_event(LB_EVENT_ECHO);
    return 1;
}

__noinline int echo_reply6(struct xdp_md *ctx, __u32 l2_length)
{
    void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
    struct ipv6hdr *ip;
    struct icmp6hdr *icmp;
    struct in6_addr from;

    if (l2_length > ETH_HLEN + 8)
        return 0;
    ip = data + l2_length;
    icmp = (void *)(ip + 1);
    if (data + ETH_HLEN > data_end || (void *)(icmp + 1) > data_end || !can_answer6(ip)) {
        drop(LB_DROP_IP_HEADER);
        return 0;
    }
    swap_macs(data);
    from = ip->saddr;
    ip->saddr = ip->daddr;
    ip->daddr = from;
    ip->hop_limit = OUR_HOP_LIMIT;
    icmp->icmp6_cksum =
        csum_update(icmp->icmp6_cksum, bpf_htons(ICMPV6_ECHO_REQUEST << 8), bpf_htons(ICMPV6_ECHO_REPLY << 8));
    icmp->icmp6_type = ICMPV6_ECHO_REPLY;
    count_event(LB_EVENT_ECHO);
    return 1;
}

/* A limit of errors for each CPU and time unit: RFC 1812 section 4.3.2.8, RFC 4443 section 2.4 (f). */
static __always_inline int icmp_allowed(void)
{
    __u64 now = bpf_jiffies64() >> config.icmp_shift;
    struct icmp_budget *budget;
    __u32 key = 0;

    budget = bpf_map_lookup_elem(&icmp_budgets, &key);
    if (!budget)
        return 0;
    if (budget->time != now) {
        budget->time = now;
        budget->sent = 0;
    }
    return budget->sent++ < config.icmp_rate;
}

/*
 * Makes room for `added` bytes, at least an IPv4 header's, behind the Ethernet header. Copies the longest Ethernet
 * header; later writes cover the excess.
 */
static __always_inline int make_room(struct xdp_md *ctx, int added)
{
    void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
    __u64 ethernet[3];

    if (data + sizeof(ethernet) > data_end)
        return 0;
    __builtin_memcpy(ethernet, data, sizeof(ethernet));
    if (bpf_xdp_adjust_head(ctx, -added))
        return 0;
    data = (void *)(long)ctx->data;
    data_end = (void *)(long)ctx->data_end;
    if (data + sizeof(ethernet) > data_end)
        return 0;
    __builtin_memcpy(data, ethernet, sizeof(ethernet));
    return 1;
}

/* A packet that becomes an ICMP error about itself. */
struct icmp_error {
    struct ethhdr *eth;
    void *ip;    /* the error's own header, */
    void *icmp;  /* its ICMP header, */
    void *quote; /* and the quoted packet, which begins with its IP header */
    __u32 sum;   /* of the quoted bytes */
};

/*
 * Cuts the packet of `length` bytes to `quoted`. Returns the sum that they will have on the wire: an unfinished
 * checksum is completed in a quotation, too.
 */
__noinline int quotation_sum(struct xdp_md *ctx, __u32 l2_length, __u32 length, __u32 l4, __u32 quoted)
{
    __u32 pseudo = 0;

    if (unfinished() == LB_UNFINISHED_KERNEL)
        pseudo = unfinished_sum(ctx, l2_length, length, l4);
    return finished_sum(ctx, l2_length, quoted, l4 & 0xff, pseudo);
}

/*
 * Cuts the packet of `length` bytes to `quoted` and makes room for `headers` bytes in front of it. 0 if there is
 * none.
 */
static __always_inline int begin_error(struct xdp_md *ctx, struct icmp_error *error, __u32 l2_length, __u32 length,
                                       __u32 l4, __u32 quoted, __u32 headers)
{
    const __u32 ip_header = headers - sizeof(struct icmphdr);
    int sum = quotation_sum(ctx, l2_length, length, l4, quoted);
    void *data, *data_end;

    barrier_var(l2_length); /* else clang checks one copy and adds another, and the verifier sees no relation */
    if (sum < 0 || !make_room(ctx, (int)headers) || l2_length > ETH_HLEN + 8)
        return 0;
    data = (void *)(long)ctx->data;
    data_end = (void *)(long)ctx->data_end;
    error->eth = data;
    error->ip = data + l2_length;
    error->icmp = error->ip + ip_header;
    error->quote = error->ip + headers;
    error->sum = (__u32)sum;
    return data + ETH_HLEN <= data_end && error->quote + ip_header <= data_end;
}

/*
 * Turns the packet of `length` bytes into an ICMP error to its sender. `parameter` is the second word of the ICMP
 * header, host order; `from` the source, or 0 for the packet's own destination; `l4` of l4_of().
 */
static __always_inline int icmp_error4(struct xdp_md *ctx, __u32 l2_length, __u32 length, __u32 l4, __u8 type,
                                       __u8 code, __u32 parameter, __u32 from)
{
    __u32 quoted = length < QUOTE4_MAX ? length : QUOTE4_MAX;
    struct icmp_error error;
    struct iphdr *ip, *quote;
    struct icmphdr *icmp;

    if (!begin_error(ctx, &error, l2_length, length, l4, quoted, ERROR4_HEADERS) || !can_answer4(error.quote))
        return 0;
    ip = error.ip;
    icmp = error.icmp;
    quote = error.quote;
    swap_macs(error.eth);
    __builtin_memset(ip, 0, sizeof(*ip));
    ip->version = 4;
    ip->ihl = 5;
    ip->tos = 0xc0; /* internetwork control: RFC 1812, section 4.3.2.5 */
    ip->tot_len = bpf_htons((__u16)(ERROR4_HEADERS + quoted));
    ip->ttl = OUR_HOP_LIMIT;
    ip->protocol = IPPROTO_ICMP;
    ip->saddr = from ? from : quote->daddr;
    ip->daddr = quote->saddr;
    ip->check = ~csum_fold(sum_of_words(ip, sizeof(*ip) / 4));
    icmp->type = type;
    icmp->code = code;
    icmp->checksum = 0;
    icmp->parameter = bpf_htonl(parameter);
    icmp->checksum = ~csum_fold(sum_of_words(icmp, sizeof(*icmp) / 4) + error.sum);
    return 1;
}

static __always_inline int icmp_error6(struct xdp_md *ctx, __u32 l2_length, __u32 length, __u32 l4, __u8 type,
                                       __u32 parameter, const void *from)
{
    __u32 quoted = length < QUOTE6_MAX ? length : QUOTE6_MAX;
    __u16 payload = bpf_htons((__u16)(sizeof(struct icmp6hdr) + quoted));
    struct icmp_error error;
    struct ipv6hdr *ip, *quote;
    struct icmp6hdr *icmp;

    if (!begin_error(ctx, &error, l2_length, length, l4, quoted, ERROR6_HEADERS) || !can_answer6(error.quote))
        return 0;
    ip = error.ip;
    icmp = error.icmp;
    quote = error.quote;
    swap_macs(error.eth);
    *(__u32 *)ip = bpf_htonl(6u << 28);
    ip->payload_len = payload;
    ip->nexthdr = IPPROTO_ICMPV6;
    ip->hop_limit = OUR_HOP_LIMIT;
    if (from)
        __builtin_memcpy(&ip->saddr, from, sizeof(ip->saddr));
    else
        ip->saddr = quote->daddr;
    ip->daddr = quote->saddr;
    icmp->icmp6_type = type;
    icmp->icmp6_code = 0;
    icmp->icmp6_cksum = 0;
    icmp->icmp6_dataun.un_data32[0] = bpf_htonl(parameter);
    icmp->icmp6_cksum = ~csum_fold(sum_of_words(&ip->saddr, 8) + payload + bpf_htons(IPPROTO_ICMPV6) +
                                   sum_of_words(icmp, sizeof(*icmp) / 4) + error.sum);
    return 1;
}

__noinline int time_exceeded4(struct xdp_md *ctx, __u32 l2_length, __u32 length, __u32 l4)
{
    __u32 own = config.own4_be;

    drop(LB_DROP_TTL);
    if (!own || !icmp_allowed() || !icmp_error4(ctx, l2_length, length, l4, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0, own))
        return 0;
    count_event(LB_EVENT_TTL_SENT);
    return 1;
}

__noinline int time_exceeded6(struct xdp_md *ctx, __u32 l2_length, __u32 length, __u32 l4)
{
    __u32 own[4] = {config.own6_be[0], config.own6_be[1], config.own6_be[2], config.own6_be[3]};

    drop(LB_DROP_TTL);
    if (!(own[0] | own[1] | own[2] | own[3]) || !icmp_allowed() ||
        !icmp_error6(ctx, l2_length, length, l4, ICMPV6_TIME_EXCEED, 0, own))
        return 0;
    count_event(LB_EVENT_TTL_SENT);
    return 1;
}

/*
 * Tells the client that the path to the backend carries IP packets of up to `mtu` bytes, even if it didn't set "don't
 * fragment", as nobody fragments here. The source is the VIP, which the client can reach: the balancer's own address
 * may be private and filtered.
 */
__noinline int too_big4(struct xdp_md *ctx, __u32 l2_length, __u32 length, __u32 l4, __u32 mtu)
{
    drop(LB_DROP_TOO_BIG);
    if (!icmp_allowed() ||
        !icmp_error4(ctx, l2_length, length, l4, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu & 0xffff, 0))
        return 0;
    count_event(LB_EVENT_TOO_BIG_SENT);
    return 1;
}

__noinline int too_big6(struct xdp_md *ctx, __u32 l2_length, __u32 length, __u32 l4, __u32 mtu)
{
    drop(LB_DROP_TOO_BIG);
    if (!icmp_allowed() || !icmp_error6(ctx, l2_length, length, l4, ICMPV6_PKT_TOOBIG, mtu, NULL))
        return 0;
    count_event(LB_EVENT_TOO_BIG_SENT);
    return 1;
}

#endif
