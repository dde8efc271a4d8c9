/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What capture.bpf.c tells user space of a packet: this, and then its first bytes. */
#ifndef CULVERT_BPF_CAPTURE_H
#define CULVERT_BPF_CAPTURE_H

#include <linux/types.h>

enum { CAPTURE_IN = -1 }; /* `verdict` of a packet on its way in */

struct capture_event {
    __u64 time;    /* CLOCK_MONOTONIC, ns */
    __u64 number;  /* of the packet on this CPU: two events have the same */
    __u32 ifindex; /* by which it came */
    __u32 length;  /* bytes of the frame */
    __u32 size;    /* bytes of it that follow */
    __s32 verdict; /* enum xdp_action */
    __s32 reason;  /* enum lb_reason that was counted, or -1 */
    __s32 event;   /* enum lb_event, or -1 */
};

#endif
