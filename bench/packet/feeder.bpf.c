/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * BPF_PROG_TEST_RUN with `repeat` passes a program its own output as the next packet. The feeder runs before the
 * measured program in every repeat: it removes the headers that the last run added, writes the header for the next
 * flow, and calls the measured program by a tail call. Flows come in scrambled order: an odd factor visits all of them
 * once, far apart. The clock is read twice a run, as reading it takes as long as a packet, and the kernel's own figure
 * is in whole nanoseconds.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "feed_abi.h"

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __type(key, __u32);
    __type(value, __u32);
    __uint(max_entries, 1);
} measured SEC(".maps");

struct feed_config config;
struct feed_state state;

#define SCRAMBLE 2654435761u /* 2^32 divided by the golden ratio */

SEC("xdp")
int feed(struct xdp_md *ctx)
{
    __u32 length = (__u32)(ctx->data_end - ctx->data), flow, service, sum;
    __u64 *head;
    int i;

    if (length != config.frame_len && bpf_xdp_adjust_head(ctx, (int)(length - config.frame_len)))
        return XDP_ABORTED;
    head = (void *)(long)ctx->data;
    if ((void *)(head + FEED_HEAD / 8) > (void *)(long)ctx->data_end)
        return XDP_ABORTED;
#pragma unroll
    for (i = 0; i < FEED_HEAD / 8; i++)
        head[i] = config.head[i];

    flow = ((__u32)state.sent + state.first) * SCRAMBLE;
    flow &= config.flow_mask;
    service = bpf_htonl((flow * SCRAMBLE >> 8) & config.service_mask);
    flow = bpf_htonl(flow);
    if (config.is_ipv6) {
        struct ipv6hdr *ip = (void *)head + ETH_HLEN;

        ip->saddr.s6_addr32[3] |= flow;
        ip->daddr.s6_addr32[3] |= service;
    } else {
        struct iphdr *ip = (void *)head + ETH_HLEN;

        ip->saddr |= flow;
        ip->daddr |= service;
        sum = config.ip_sum + (ip->saddr >> 16) + (ip->saddr & 0xffff) + (ip->daddr >> 16) + (ip->daddr & 0xffff);
        sum = (sum >> 16) + (sum & 0xffff);
        ip->check = (__u16)~((sum >> 16) + sum);
    }

    if (!state.sent)
        state.begin = bpf_ktime_get_ns();
    if (++state.sent == state.last)
        state.end = bpf_ktime_get_ns();
    bpf_tail_call(ctx, &measured, 0);
    return XDP_ABORTED;
}

/* Replaces the measured program, to measure the feeder's own time. */
SEC("xdp")
int nothing(struct xdp_md *ctx __attribute__((unused))) { return XDP_TX; }

char LICENSE[] SEC("license") = "Dual BSD/GPL";
