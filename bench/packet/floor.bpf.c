/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A yardstick: the least that a program which encapsulates can do. It parses, makes room, writes a constant header, and sends. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct header {
    struct ethhdr eth;
    struct iphdr ip;
} __attribute__((packed));

/* User space could write it, for all that the compiler knows. */
__u8 outer[sizeof(struct header)];

SEC("xdp")
int least(struct xdp_md *ctx)
{
    struct header *header = (void *)(long)ctx->data;

    if ((void *)(header + 1) > (void *)(long)ctx->data_end || header->eth.h_proto != bpf_htons(ETH_P_IP) || header->ip.ihl != 5)
        return XDP_PASS;
    if (bpf_xdp_adjust_head(ctx, -(int)sizeof(struct iphdr)))
        return XDP_DROP;
    header = (void *)(long)ctx->data;
    if ((void *)(header + 1) > (void *)(long)ctx->data_end)
        return XDP_DROP;
    *header = *(const struct header *)outer;
    return XDP_TX;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
