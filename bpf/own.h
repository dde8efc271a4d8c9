/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which frames are for this host. Native XDP sees what the wire has: also what is for others, when a switch floods it, and for many. That
 * is not forwarded (RFC 1812, section 5.3.4), as each who saw it would forward it.
 */
#ifndef CULVERT_BPF_OWN_H
#define CULVERT_BPF_OWN_H

#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_helpers.h>

#include "abi.h"

extern const volatile struct lb_config config;

struct lb_macs own SEC(".data.own");

static __always_inline int is_own(const struct xdp_md *ctx, const struct ethhdr *eth)
{
    __u64 key = lb_mac_key(*(const __u32 *)eth->h_dest, *(const __u16 *)(eth->h_dest + 4),
                           config.redirect ? ctx->ingress_ifindex : 0);
    const volatile __u64 *line = own.line[lb_mac_line(key)];
    int way;

#pragma unroll
    for (way = 0; way < LB_MAC_WAYS; way++)
        if (line[way] == key)
            return 1;
    return own.any && !(eth->h_dest[0] & 1);
}

#endif
