/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The feeder's configuration, shared by C and C++. */
#ifndef CULVERT_BENCH_FEED_ABI_H
#define CULVERT_BENCH_FEED_ABI_H

#include <linux/types.h>

#define FEED_HEAD 64 /* bytes of the frame that are written again for each packet; frames are at least this long */

struct feed_config {
    __u64 head[FEED_HEAD / 8]; /* first bytes of the frame; flow and service are added to them */
    __u32 frame_len;           /* bytes */
    __u32 is_ipv6;
    __u32 flow_mask;    /* number of flows - 1; the number is a power of two */
    __u32 service_mask; /* number of VIPs - 1, for the last bits of the destination address */
    __u32 ip_sum;       /* ones' complement sum of the IPv4 header without source, destination and checksum */
    __u32 pad;
};

struct feed_state {
    __u64 sent;  /* packets since user space set it to 0 */
    __u64 last;  /* the clock is stopped when `sent` is this */
    __u64 begin; /* nanoseconds */
    __u64 end;
    __u32 first; /* number of the first packet: another number selects other flows */
    __u32 pad;
};

#endif
