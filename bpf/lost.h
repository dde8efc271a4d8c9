/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reports frames that XDP sent and no driver accepted. The arguments of the tracepoints are in
 * include/trace/events/xdp.h of the kernel. Each object includes this file once.
 */
#ifndef CULVERT_BPF_LOST_H
#define CULVERT_BPF_LOST_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

/* The members of the kernel's types that are read here. libbpf reads their offsets from the running kernel's BTF. */
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

/* Cookie of the network namespace. */
const volatile __u64 namespace_cookie;

static __always_inline int is_ours(const struct net_device *dev)
{
    return dev && dev->nd_net.net->net_cookie == namespace_cookie;
}

struct loss {
    void *context;                 /* of the tracing program */
    const struct net_device *seen; /* the device where the loss was seen; for a redirect, where the frames arrived */
    __u32 to;                      /* index of the device that was to send them */
    int frames;
    int error; /* -errno; 0: not reported */
};

/* Handles the loss. The including object defines it. */
static __always_inline int lost(const struct loss *loss);

static __always_inline __u32 index_of(const struct net_device *dev)
{
    return dev ? dev->ifindex : 0;
}

/*
 * From, program, target, error, kind of map, its id, key: the target doesn't exist or can't transmit for others. The
 * key is the index of the device, in the balancer's map as well as without a map.
 */
SEC("tp_btf/xdp_redirect_err")
int not_redirected(const __u64 *arguments)
{
    struct loss loss = {(void *)arguments, (void *)arguments[0], (__u32)arguments[6], 1, (int)arguments[3]};

    return lost(&loss);
}

/* From, to, sent, lost, error: the driver accepted no more. */
SEC("tp_btf/xdp_devmap_xmit")
int not_transmitted(const __u64 *arguments)
{
    struct loss loss = {(void *)arguments, (void *)arguments[0], index_of((void *)arguments[1]), (int)arguments[3],
                        (int)arguments[4]};

    return lost(&loss);
}

/* Device, sent, lost, error: the same for XDP_TX in drivers that collect frames. */
SEC("tp_btf/xdp_bulk_tx")
int not_sent_back(const __u64 *arguments)
{
    struct loss loss = {(void *)arguments, (void *)arguments[0], index_of((void *)arguments[0]), (int)arguments[2],
                        (int)arguments[3]};

    return lost(&loss);
}

/*
 * Device, program, verdict: the same in drivers that don't, and for generic XDP. A failed redirect has been reported
 * already.
 */
SEC("tp_btf/xdp_exception")
int failed(const __u64 *arguments)
{
    struct loss loss = {(void *)arguments, (void *)arguments[0], index_of((void *)arguments[0]), 1, 0};

    return (__u32)arguments[2] == XDP_TX ? lost(&loss) : 0;
}

#endif
