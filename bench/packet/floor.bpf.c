/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Two yardsticks. The minimum for any program that encapsulates: it parses, makes room, writes a constant header, and
 * sends. And the same with one line of memory read for each flow, which contains how much room to make: the minimum for
 * a program with a flow table.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct header {
    struct ethhdr eth;
    struct iphdr ip;
} __attribute__((packed));

struct line {
    __u64 more[8]; /* additional room, bytes: none, but the program knows that only after reading the line */
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct line);
    __uint(max_entries, 1);
} lines SEC(".maps");

const volatile __u32 lines_mask;

/* Not constant, so the compiler assumes that user space may write it. */
__u8 outer[sizeof(struct header)];

static __always_inline int encapsulate(struct xdp_md *ctx, int reads_line)
{
    int room = sizeof(struct iphdr);
    struct header *header = (void *)(long)ctx->data;

    if ((void *)(header + 1) > (void *)(long)ctx->data_end || header->eth.h_proto != bpf_htons(ETH_P_IP) || header->ip.ihl != 5)
        return XDP_PASS;
    if (reads_line) {
        __u32 index = (__u32)(header->ip.saddr * 0x9e3779b97f4a7c15ULL >> 32) & lines_mask; /* spread over all lines */
        struct line *line = bpf_map_lookup_elem(&lines, &index);

        if (!line)
            return XDP_DROP;
        room += (int)*(volatile __u64 *)&line->more[0];
    }
    if (bpf_xdp_adjust_head(ctx, -room))
        return XDP_DROP;
    header = (void *)(long)ctx->data;
    if ((void *)(header + 1) > (void *)(long)ctx->data_end)
        return XDP_DROP;
    *header = *(const struct header *)outer;
    return XDP_TX;
}

SEC("xdp")
int least(struct xdp_md *ctx) { return encapsulate(ctx, 0); }

SEC("xdp")
int least_and_line(struct xdp_md *ctx) { return encapsulate(ctx, 1); }

char LICENSE[] SEC("license") = "Dual BSD/GPL";
