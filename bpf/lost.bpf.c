/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts frames that the balancer sent and the kernel lost behind its back: what XDP_TX and XDP_REDIRECT answer is a wish, and the
 * program has ended when the driver that is to transmit refuses.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "reasons_map.h"

/* As much of the kernel's types as is read here; libbpf takes the offsets from the running kernel's BTF. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct net {
    __u64 net_cookie;
};
struct net_device {
    int ifindex;
    struct {
        struct net *net;
    } nd_net;
};
#pragma clang attribute pop

/* The namespace, by its cookie. */
const volatile __u64 namespace_cookie;

/* Interfaces by which packets come, and members of those, by index. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, __u32);
    __type(value, __u32);
    __uint(max_entries, 4096);
} watched SEC(".maps");

static __always_inline int count(const struct net_device *dev, long frames)
{
    __u32 key = LB_DROP_NOT_SENT, ifindex;
    __u64 *lost;

    if (!dev || frames <= 0 || dev->nd_net.net->net_cookie != namespace_cookie)
        return 0;
    ifindex = dev->ifindex;
    if (!bpf_map_lookup_elem(&watched, &ifindex))
        return 0;
    lost = bpf_map_lookup_elem(&reasons, &key);
    if (lost)
        *lost += frames;
    return 0;
}

/* Arguments of the tracepoints: include/trace/events/xdp.h. */

/* The frame came by the device; there is no such target, or it transmits nothing for others. */
SEC("tp_btf/xdp_redirect_err")
int not_redirected(const __u64 *arguments)
{
    return count((const struct net_device *)arguments[0], 1);
}

/* From, to, sent, lost, error: the driver took no more. */
SEC("tp_btf/xdp_devmap_xmit")
int not_transmitted(const __u64 *arguments)
{
    return count((const struct net_device *)arguments[0], (int)arguments[3]);
}

/* Device, sent, lost, error: the same for XDP_TX, where drivers collect frames. */
SEC("tp_btf/xdp_bulk_tx")
int not_sent_back(const __u64 *arguments)
{
    return count((const struct net_device *)arguments[0], (int)arguments[2]);
}

/* Device, program, verdict: the same where they don't, and of generic XDP. A failed redirect has been counted. */
SEC("tp_btf/xdp_exception")
int failed(const __u64 *arguments)
{
    return (__u32)arguments[2] == XDP_TX ? count((const struct net_device *)arguments[0], 1) : 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
