// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Reports the packets that the kernel drops in one network namespace. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "trace.h"

/* The members of the kernel's types that are read here. libbpf reads their offsets from the running kernel's BTF. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct net {
    __u64 net_cookie;
};
struct net_device {
    char name[16];
    struct {
        struct net *net;
    } nd_net;
};
struct sk_buff {
    struct net_device *dev;
    unsigned int len;
    __u16 network_header;
    unsigned int tail;
    unsigned char *head;
};
#pragma clang attribute pop

/* Cookie of the network namespace. */
const volatile __u64 namespace_cookie;
/* Packets that were not reported because the ring was full. */
__u64 lost;

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 20);
} drops SEC(".maps");

/* The tracepoint's arguments: the packet, the address of the code, the reason. */
SEC("tp_btf/kfree_skb")
int dropped(const __u64 *arguments)
{
    struct sk_buff *skb = (struct sk_buff *)arguments[0];
    struct net_device *dev = skb->dev;
    if (!dev || dev->nd_net.net->net_cookie != namespace_cookie)
        return 0;

    __u32 network = skb->network_header, end = skb->tail;
    if (end <= network)
        return 0;
    struct trace_drop *drop = bpf_ringbuf_reserve(&drops, sizeof(*drop), 0);
    if (!drop) {
        __sync_fetch_and_add(&lost, 1);
        return 0;
    }
    __u32 first = network > TRACE_BEFORE ? network - TRACE_BEFORE : 0;
    __u32 size = end - first;
    if (size > TRACE_BYTES)
        size = TRACE_BYTES;
    drop->location = arguments[1];
    drop->reason = arguments[2];
    drop->length = skb->len;
    drop->network = network - first;
    drop->size = size;
    bpf_probe_read_kernel(drop->device, sizeof(drop->device), dev->name);
    if (bpf_probe_read_kernel(drop->bytes, size, skb->head + first))
        drop->size = 0;
    bpf_ringbuf_submit(drop, 0);
    return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
