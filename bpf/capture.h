/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The records that capture.bpf.c sends to user space. Each starts with its kind. */
#ifndef CULVERT_BPF_CAPTURE_H
#define CULVERT_BPF_CAPTURE_H

#include <linux/types.h>

enum capture_kind { CAPTURE_IN, CAPTURE_OUT, CAPTURE_LOST };

/* A packet as it arrives or as it leaves: this record, then its first bytes. */
struct capture_event {
    __u32 kind;    /* CAPTURE_IN or CAPTURE_OUT */
    __u32 ifindex; /* of arrival */
    __u64 time;    /* CLOCK_MONOTONIC, ns */
    __u64 number;  /* of the packet on this CPU: its two events have the same number */
    __u32 length;  /* bytes of the frame */
    __u32 size;    /* bytes of the frame that follow */
    __s32 verdict; /* enum xdp_action */
    __s32 reason;  /* enum lb_reason that was counted, or -1 */
    __s32 event;   /* enum lb_event, or -1 */
    __u32 unused;
};

/* Frames that left the program but that no driver accepted. */
struct capture_loss {
    __u32 kind; /* CAPTURE_LOST */
    __u32 seen; /* index of the device that they arrived at, or that was to send them */
    __u64 time;
    __u32 to; /* index of the device that was to send them */
    __u32 frames;
    __s32 error; /* -errno; 0: not known */
    __u32 unused;
};

#endif
