/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The source of frames, a device that only forwards them, and their sink. BPF_PROG_TEST_RUN runs `source` with live
 * frames: those that it redirects arrive at the other end of the cable. The kernel reuses frames as their last user
 * left them, so the headers are written again.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bench/throughput/frames_abi.h"

__u64 head[FRAMES_HEAD / 8];
__u32 ip_sum;
__u32 out;
__u32 next;
__u64 arrived[256];

struct {
    __uint(type, BPF_MAP_TYPE_DEVMAP);
    __type(key, __u32);
    __type(value, __u32);
    __uint(max_entries, 1);
} way_out SEC(".maps");

#define SCRAMBLE 2654435761u /* 2^32 divided by the golden ratio */

SEC("xdp") int source(struct xdp_md *ctx)
{
    __u64 *to = (void *)(long)ctx->data;
    struct iphdr *ip = (void *)to + ETH_HLEN;
    __u32 sum;
    int i;

    if ((void *)(to + FRAMES_HEAD / 8) > (void *)(long)ctx->data_end)
        return XDP_ABORTED;
#pragma unroll
    for (i = 0; i < FRAMES_HEAD / 8; i++)
        to[i] = head[i];
    ip->saddr |= bpf_htonl(next++ * SCRAMBLE & (FRAMES_FLOWS - 1));
    sum = ip_sum + (ip->saddr >> 16) + (ip->saddr & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum += sum >> 16;
    ip->check = ~sum;
    return (int)bpf_redirect(out, 0);
}

SEC("xdp") int through(struct xdp_md *ctx)
{
    (void)ctx;
    return (int)bpf_redirect_map(&way_out, 0, 0);
}

SEC("xdp") int sink(struct xdp_md *ctx)
{
    struct ethhdr *eth = (void *)(long)ctx->data;
    struct iphdr *ip = (void *)(eth + 1);

    if ((void *)(ip + 1) > (void *)(long)ctx->data_end || eth->h_proto != bpf_htons(ETH_P_IP))
        return XDP_PASS;
    __sync_fetch_and_add(&arrived[ip->protocol], 1);
    return XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
