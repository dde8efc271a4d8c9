/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel tells of frames that XDP sent and no driver took. The arguments of the tracepoints are in
 * include/trace/events/xdp.h of the kernel. One object includes this.
 */
#ifndef CULVERT_BPF_LOST_H
#define CULVERT_BPF_LOST_H

#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

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

static __always_inline int is_ours(const struct net_device *dev)
{
    return dev && dev->nd_net.net->net_cookie == namespace_cookie;
}

struct loss {
    void *context;                 /* of the tracing program */
    const struct net_device *seen; /* where the loss was seen: for a redirect the one that the frames came by */
    __u32 to;                      /* index of the device that they were to leave by */
    int frames;
    int error; /* -errno; 0: not told */
};

/* What becomes of it: the object that includes this says so. */
static __always_inline int lost(const struct loss *loss);

static __always_inline __u32 index_of(const struct net_device *dev)
{
    return dev ? dev->ifindex : 0;
}

/*
 * From, program, target, error, kind of map, its id, key: there is no such target, or it transmits nothing for others. The balancer's
 * map has devices by their index, and without a map the key is that, too.
 */
SEC("tp_btf/xdp_redirect_err")
int not_redirected(const __u64 *arguments)
{
    struct loss loss = {(void *)arguments, (void *)arguments[0], (__u32)arguments[6], 1, (int)arguments[3]};

    return lost(&loss);
}

/* From, to, sent, lost, error: the driver took no more. */
SEC("tp_btf/xdp_devmap_xmit")
int not_transmitted(const __u64 *arguments)
{
    struct loss loss = {(void *)arguments, (void *)arguments[0], index_of((void *)arguments[1]), (int)arguments[3],
                        (int)arguments[4]};

    return lost(&loss);
}

/* Device, sent, lost, error: the same for XDP_TX, where drivers collect frames. */
SEC("tp_btf/xdp_bulk_tx")
int not_sent_back(const __u64 *arguments)
{
    struct loss loss = {(void *)arguments, (void *)arguments[0], index_of((void *)arguments[0]), (int)arguments[2],
                        (int)arguments[3]};

    return lost(&loss);
}

/* Device, program, verdict: the same where they don't, and of generic XDP. A failed redirect has been told of before. */
SEC("tp_btf/xdp_exception")
int failed(const __u64 *arguments)
{
    struct loss loss = {(void *)arguments, (void *)arguments[0], index_of((void *)arguments[0]), 1, 0};

    return (__u32)arguments[2] == XDP_TX ? lost(&loss) : 0;
}

#endif
