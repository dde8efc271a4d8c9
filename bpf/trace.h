/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The record that trace.bpf.c sends to user space for a packet that the kernel dropped. */
#ifndef CULVERT_BPF_TRACE_H
#define CULVERT_BPF_TRACE_H

#include <linux/types.h>

enum {
    TRACE_BEFORE = 80, /* bytes before the network header: fits the longest tunnel, IPv6, UDP, its own, Ethernet */
    TRACE_BYTES = 192,
};

/* Host order, except `bytes`. */
struct trace_drop {
    __u64 location;  /* address of the code that dropped it */
    __u32 reason;    /* of the running kernel's enum skb_drop_reason */
    __u32 length;    /* remaining bytes of the packet */
    __u16 network;   /* offset of the network header in `bytes`; headers that the kernel removed precede it */
    __u16 size;      /* number of valid bytes in `bytes` */
    char device[16]; /* the last device it passed; a zero ends the name */
    __u8 bytes[TRACE_BYTES];
    __u32 padding;
};

#endif
