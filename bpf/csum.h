/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Internet checksums (RFC 1071). Sums are of 16-bit words as they lie in memory, so byte order doesn't matter as long as
 * every term is taken from memory or passed through bpf_htons.
 */
#ifndef CULVERT_BPF_CSUM_H
#define CULVERT_BPF_CSUM_H

#include <linux/types.h>

static __always_inline __u16 csum_fold(__u64 sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (__u16)sum;
}

/* A UDP checksum that comes out as zero is sent as all ones: zero means none (RFC 768). */
static __always_inline __u16 csum_udp(__u64 sum)
{
    __u16 check = ~csum_fold(sum);

    return check ? check : 0xffff;
}

/* The checksum field `check` after the sum of what it covers changed from `old` to `new` (RFC 1624, equation 3). */
static __always_inline __u16 csum_update(__u16 check, __u16 old, __u64 new)
{
    return ~csum_fold((__u64)(__u16)~check + (__u16)~old + new);
}

#endif
