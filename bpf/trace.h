/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What trace.bpf.c tells user space of a packet that the kernel dropped. */
#ifndef CULVERT_BPF_TRACE_H
#define CULVERT_BPF_TRACE_H

#include <linux/types.h>

enum {
    TRACE_BEFORE = 80, /* bytes before the network header: the longest tunnel's, IPv6, UDP, Geneve and Ethernet, fit */
    TRACE_BYTES = 192,
};

/* Host order, but for the bytes. */
struct trace_drop {
    __u64 location;  /* address of the code that dropped it */
    __u32 reason;    /* of this kernel's enum skb_drop_reason */
    __u32 length;    /* bytes that are left of the packet */
    __u16 network;   /* where in `bytes` the network header begins; what the kernel took off stands before it */
    __u16 size;      /* how many of `bytes` count */
    char device[16]; /* by which it came last; a zero ends the name */
    __u8 bytes[TRACE_BYTES];
    __u32 padding;
};

#endif
