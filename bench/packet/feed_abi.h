/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the benchmark tells the feeder, shared by C and C++. */
#ifndef CULVERT_BENCH_FEED_ABI_H
#define CULVERT_BENCH_FEED_ABI_H

#include <linux/types.h>

#define FEED_HEAD 64 /* bytes of the frame that are written anew for each packet; no frame is shorter */

struct feed_config {
    __u64 head[FEED_HEAD / 8]; /* Ethernet header and what follows; flow and service are added to it */
    __u32 frame_len;           /* bytes */
    __u32 is_ipv6;
    __u32 flow_mask;    /* number of flows - 1; a power of two less one */
    __u32 service_mask; /* number of VIPs - 1, in the last bits of the destination address */
    __u32 ip_sum;       /* ones' complement sum of the IPv4 header without source, destination and checksum */
    __u32 pad;
};

struct feed_state {
    __u64 sent;  /* packets since user space set it to 0 */
    __u64 last;  /* when `sent` gets here, the clock is stopped */
    __u64 begin; /* nanoseconds */
    __u64 end;
    __u32 first; /* number of the first packet: another one gives other flows */
    __u32 pad;
};

#endif
